// The engine `my-engine`: telephone keys, recognised while they sound. A pause ends a number, which is a segment.
//
// keypad.h recognises the keys; this file is what an engine does around a recogniser that needs 20 ms at a time. auricle.h
// has the rules of each function, auricle.hpp the classes.

#include "keypad.h"

#include <auricle.hpp>
#include <vector>

namespace {

// The number that is being entered. Places are samples of the stream.
// ANCHOR: stream
class Number {
public:
    Number(double threshold, double pause)
        : threshold(threshold), pause(static_cast<std::uint64_t>(pause * KEYPAD_RATE)) {}

    void init(std::uint64_t offset) {
        position = offset;
        block.clear();
        pressed = nullptr;
        keys.clear();
    }

    void insert_audio_chunk(const float *samples, std::size_t count) { block.insert(block.end(), samples, samples + count); }

    void process_iter(auricle::Sink sink) {
        if (block.empty()) return;
        const char *key = keypad_key(block.data(), block.size(), threshold);
        const std::uint64_t start = position;
        position += block.size();
        block.clear();
        if (key && key == pressed)
            keys.back().end = position;
        else if (key)
            press(sink, key, start);
        else if (!keys.empty() && position - keys.back().end >= pause)
            end(sink);
        else if (keys.empty())
            sink.restart_point(position, {});
        pressed = key;
    }

    void finish(auricle::Sink sink) {
        process_iter(sink);
        if (!keys.empty()) end(sink);
    }

    void restore(std::uint64_t sample, std::string_view) { init(sample); }
    // ANCHOR_END: stream

private:
    void press(auricle::Sink &sink, const char *key, std::uint64_t start) {
        if (keys.empty()) sink.speech_started(start);
        keys.push_back({start, position, key, 0, nullptr});
        const std::string text = joined();
        sink.partial(number(text));
    }

    void end(auricle::Sink &sink) {
        const std::string text = joined();
        sink.segment(number(text));
        sink.endpoint(position);
        keys.clear();
        // A new stream needs no state to continue here: nothing is pressed, and no key is left.
        sink.restart_point(position, {});
    }

    std::string joined() const {
        std::string text;
        for (const auricle_word &key : keys) text += text.empty() ? key.text : std::string(" ") + key.text;
        return text;
    }

    auricle_segment number(const std::string &text) const {
        auricle_segment segment{};
        segment.size = sizeof segment;
        segment.start = keys.front().start;
        segment.end = keys.back().end;
        segment.text = text.c_str();
        segment.words = keys.data();
        segment.word_count = keys.size();
        segment.word_size = sizeof(auricle_word);
        return segment;
    }

    const double threshold;
    // Samples of silence that end the number.
    const std::uint64_t pause;
    // The end of the audio that was processed.
    std::uint64_t position = 0;
    // The audio that was not processed yet.
    std::vector<float> block;
    // The key that sounds.
    const char *pressed = nullptr;
    // The keys since the last segment.
    std::vector<auricle_word> keys;
};

// ANCHOR: model
// A loaded model, shared by all of its streams.
class Keypad {
public:
    explicit Keypad(double threshold) : threshold(threshold) {}
    std::string metadata() const {
        return R"({"sample_rate": 16000, "chunk_samples": 320, "replay": "exact",
                   "capabilities": ["partials", "word-times", "endpoints"]})";
    }
    std::unique_ptr<Number> open(const auricle::Config &options) {
        return std::make_unique<Number>(threshold, options.number("pause", 0.5));
    }

private:
    const double threshold;
};

// An engine with weights finds them with host.find and reads them in `load`. What it throws is the error of the call.
struct Loader {
    static constexpr const char *backend = "my-engine";
    static constexpr const char *schema = R"({
        "properties": {
            "threshold": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.01, "x-auricle-scope": "load",
                "description": "loudness of the quietest key, of full scale"},
            "pause": {"type": "number", "minimum": 0.1, "maximum": 10, "default": 0.5, "x-auricle-scope": "stream",
                "description": "seconds of silence that end a number"}
        }
    })";
    static std::unique_ptr<Keypad> load(const auricle::Host &host, const auricle::Config &config) {
        host.log(3, "the keypad is ready");
        return std::make_unique<Keypad>(config.number("threshold", 0.01));
    }
};
// ANCHOR_END: model

} // namespace

// ANCHOR: plugin
AURICLE_PLUGIN("my-engine", "0.1.0", "Recognises the tones of telephone keys")
AURICLE_ENGINES(Loader)
// ANCHOR_END: plugin
