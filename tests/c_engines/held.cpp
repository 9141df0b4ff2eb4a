// A stage in C++ that holds back each final text until the next one, ends turns, and fails as its options say.
#include <auricle.hpp>

#include <vector>

namespace {

// A copy of a text that lives longer than the call.
struct Text {
    std::uint64_t start, end;
    std::string text;
};

struct Stream {
    Stream(std::string fault) : fault(std::move(fault)) {}
    void init(std::uint64_t offset) {
        held.clear();
        position = offset;
    }
    void audio(const float *, std::size_t count, auricle::StageSink) { position += count; }
    void event(const auricle_event &event, auricle::StageSink sink) {
        if (event.kind != AURICLE_EVENT_SEGMENT) return sink.event(event);
        if (++seen == 2) fail();
        finish(sink);
        held.push_back({event.segment->start, event.segment->end, event.segment->text});
    }
    void end_turn(auricle::StageSink sink) {
        sink.turn(position, AURICLE_TURN_STARTED);
        sink.turn(position, AURICLE_TURN_ENDED, AURICLE_TRIGGER_MANUAL, 0.5F);
    }
    void finish(auricle::StageSink sink) {
        for (const Text &text : held) {
            auricle_segment segment{};
            segment.size = sizeof segment;
            segment.start = text.start;
            segment.end = text.end;
            segment.text = text.text.c_str();
            sink.segment(segment);
        }
        held.clear();
    }
    std::string save() const {
        std::string state = std::to_string(position);
        for (const Text &text : held)
            state += " " + std::to_string(text.start) + " " + std::to_string(text.end) + " " + text.text;
        return state;
    }
    void restore(std::uint64_t sample, std::string_view state) {
        init(sample);
        const std::string numbers(state);
        std::size_t at = 0;
        const auto number = [&] {
            std::size_t used = 0;
            const std::uint64_t found = std::stoull(numbers.substr(at), &used);
            at += used + 1;
            return found;
        };
        position = number();
        if (at > numbers.size()) return;
        const std::uint64_t start = number(), end = number();
        held.push_back({start, end, numbers.substr(at)});
    }

private:
    void fail() const {
        if (fault == "exception") throw std::runtime_error("the exception asked for");
        if (fault == "error") throw auricle::Error(AURICLE_ERROR_MODEL, "the error asked for");
        if (fault == "number") throw 7;
    }
    std::string fault;
    std::uint64_t position = 0;
    int seen = 0;
    std::vector<Text> held;
};

struct Stage {
    std::string metadata() const { return R"({"changes_text": true, "capabilities": ["turns"]})"; }
    std::unique_ptr<Stream> open(const auricle::Config &options) {
        return std::make_unique<Stream>(options.text("fault", "none"));
    }
};

struct Loader {
    static constexpr const char *name = "held";
    static constexpr const char *schema = R"({"properties": {"fault": {"enum": ["none", "exception", "error", "number"],
        "default": "none", "description": "how the second text ends", "x-auricle-scope": "stream"}}})";
    static std::unique_ptr<Stage> load(const auricle::Host &, const auricle::Config &) { return std::make_unique<Stage>(); }
};

} // namespace

AURICLE_PLUGIN("held", "1.0.0", "holds back each text until the next one")
AURICLE_STAGES(Loader)
