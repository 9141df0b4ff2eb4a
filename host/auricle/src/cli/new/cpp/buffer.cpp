// The engine `my-engine`: telephone keys in passages of audio. A passage begins with sound and ends with a pause.
//
// `transcribe` recognises a whole passage; replace it, with keypad.h, by a recogniser that needs a buffer. auricle.h has the
// rules of each function, auricle.hpp the classes.

#include "keypad.h"

#include <algorithm>
#include <auricle.hpp>
#include <cmath>
#include <vector>

namespace {

// 100 ms.
constexpr std::size_t CHUNK = KEYPAD_RATE / 10;
// A passage is recognised after 28 s at the latest.
constexpr std::size_t LONGEST = 28 * KEYPAD_RATE;

// ANCHOR: transcribe
// Recognises a passage. Places count from its start.
std::vector<auricle_word> transcribe(const std::vector<float> &audio, double threshold) {
    std::vector<auricle_word> words;
    const char *pressed = nullptr;
    for (std::size_t at = 0; at < audio.size(); at += KEYPAD_BLOCK) {
        const std::size_t end = std::min<std::size_t>(at + KEYPAD_BLOCK, audio.size());
        const char *key = keypad_key(audio.data() + at, end - at, threshold);
        if (key && key == pressed)
            words.back().end = end;
        else if (key)
            words.push_back({at, end, key, 0, nullptr});
        pressed = key;
    }
    return words;
}
// ANCHOR_END: transcribe

// The passage that is being heard.
class Passage {
public:
    Passage(double threshold, double pause)
        : threshold(threshold), pause(static_cast<std::size_t>(pause * KEYPAD_RATE)) {}

    void init(std::uint64_t offset) {
        start = offset;
        audio.clear();
        processed = quiet = 0;
        sounds = false;
    }

    void insert_audio_chunk(const float *samples, std::size_t count) { audio.insert(audio.end(), samples, samples + count); }

    // ANCHOR: stream
    void process_iter(auricle::Sink sink) {
        const std::size_t fresh = audio.size() - processed;
        if (fresh == 0) return;
        double energy = 0;
        for (std::size_t i = processed; i < audio.size(); i++) energy += double(audio[i]) * audio[i];
        processed = audio.size();
        const bool loud = std::sqrt(energy / double(fresh)) > threshold;
        sounds = sounds || loud;
        quiet = loud ? 0 : quiet + fresh;
        if (!sounds) {
            // The last chunk is kept: it may have the beginning of a sound.
            if (audio.size() > CHUNK) drop(audio.size() - CHUNK);
            sink.restart_point(start, {});
        } else if (quiet >= pause || audio.size() >= LONGEST) {
            end(sink);
        }
    }

    void finish(auricle::Sink sink) {
        process_iter(sink);
        if (sounds) end(sink);
    }
    // ANCHOR_END: stream

    void restore(std::uint64_t sample, std::string_view) { init(sample); }

private:
    // Recognises the passage, reports its words, and waits for the next one.
    void end(auricle::Sink &sink) {
        std::vector<auricle_word> words = transcribe(audio, threshold);
        if (!words.empty()) {
            std::string text;
            for (auricle_word &word : words) {
                word.start += start;
                word.end += start;
                text += text.empty() ? word.text : std::string(" ") + word.text;
            }
            auricle_segment segment{};
            segment.size = sizeof segment;
            segment.start = words.front().start;
            segment.end = words.back().end;
            segment.text = text.c_str();
            segment.words = words.data();
            segment.word_count = words.size();
            segment.word_size = sizeof(auricle_word);
            sink.segment(segment);
            sink.endpoint(start + audio.size());
        }
        drop(audio.size());
        sounds = false;
        quiet = 0;
        // A new stream needs no state to continue here.
        sink.restart_point(start, {});
    }

    // Forgets the first samples.
    void drop(std::size_t count) {
        audio.erase(audio.begin(), audio.begin() + static_cast<std::ptrdiff_t>(count));
        start += count;
        processed -= count;
    }

    const double threshold;
    // Samples of silence that end the passage.
    const std::size_t pause;
    // The place of the first sample in the stream.
    std::uint64_t start = 0;
    std::vector<float> audio;
    // Samples that were looked at, and samples since the last sound.
    std::size_t processed = 0, quiet = 0;
    // Whether the passage has begun; until then the audio is the last chunk.
    bool sounds = false;
};

// A loaded model, shared by all of its streams.
class Keypad {
public:
    explicit Keypad(double threshold) : threshold(threshold) {}
    std::string metadata() const {
        return R"({"sample_rate": 16000, "chunk_samples": 1600, "replay": "exact",
                   "capabilities": ["word-times", "endpoints"]})";
    }
    std::unique_ptr<Passage> open(const auricle::Config &options) {
        return std::make_unique<Passage>(threshold, options.number("pause", 0.5));
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
                "description": "seconds of silence that end a passage"}
        }
    })";
    static std::unique_ptr<Keypad> load(const auricle::Host &host, const auricle::Config &config) {
        host.log(3, "the keypad is ready");
        return std::make_unique<Keypad>(config.number("threshold", 0.01));
    }
};

} // namespace

AURICLE_PLUGIN("my-engine", "0.1.0", "Recognises the tones of telephone keys")
AURICLE_ENGINES(Loader)
