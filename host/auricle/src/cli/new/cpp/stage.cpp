// The stage `my-engine`: replaces words in texts, names that engines spell in their own way, or what must not be shown. auricle.hpp has
// the rules of each class.
#include <auricle.hpp>

#include <algorithm>
#include <cctype>
#include <map>
#include <sstream>
#include <vector>

namespace {

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

// ANCHOR: stream
// One stream. It holds nothing back, so it has nothing to save.
class Stream {
public:
    // Pairs such as "ten=10 meters=m".
    explicit Stream(const std::string &pairs) {
        std::istringstream rest(pairs);
        for (std::string pair; rest >> pair;) {
            const std::size_t mark = pair.find('=');
            if (mark == std::string::npos) throw auricle::Error(AURICLE_ERROR_CONFIG, "field `words`: `" + pair + "` has no `=`");
            words[lower(pair.substr(0, mark))] = pair.substr(mark + 1);
        }
    }

    void init(std::uint64_t) {}

    void event(const auricle_event &event, auricle::StageSink sink) {
        // Other events pass, and so do those of later versions.
        if (event.kind != AURICLE_EVENT_PARTIAL && event.kind != AURICLE_EVENT_SEGMENT) return sink.event(event);
        auricle_event changed;
        auricle_segment segment;
        AURICLE_COPY(&changed, &event);
        AURICLE_COPY(&segment, event.segment);
        const std::string text = replaced(segment.text);
        std::vector<auricle_word> timed(segment.word_count);
        std::vector<std::string> texts(segment.word_count);
        for (std::size_t i = 0; i < segment.word_count; i++) {
            timed[i] = *reinterpret_cast<const auricle_word *>(reinterpret_cast<const char *>(segment.words) + i * segment.word_size);
            texts[i] = replaced(timed[i].text);
            timed[i].text = texts[i].c_str();
        }
        segment.text = text.c_str();
        segment.words = timed.empty() ? nullptr : timed.data();
        segment.word_size = sizeof(auricle_word);
        changed.segment = &segment;
        sink.event(changed);
    }

private:
    std::string replaced(const std::string &text) const {
        std::string all, word;
        const auto add = [&] {
            const auto found = words.find(lower(word));
            all += found == words.end() ? word : found->second;
            word.clear();
        };
        for (const char c : text) {
            if (c != ' ') {
                word += c;
                continue;
            }
            add();
            all += c;
        }
        add();
        return all;
    }

    std::map<std::string, std::string> words;
};
// ANCHOR_END: stream

// ANCHOR: stage
// Shared by streams. A stage with a model would keep it here.
struct Stage {
    std::string metadata() const { return R"({"changes_text": true})"; }
    std::unique_ptr<Stream> open(const auricle::Config &options) { return std::make_unique<Stream>(options.text("words", "")); }
};

struct Loader {
    static constexpr const char *name = "my-engine";
    static constexpr const char *schema = R"({"properties": {"words": {"type": "string", "default": "", "x-auricle-scope": "stream",
        "description": "words, and what is written instead of them: ten=10 meters=m"}}})";
    static std::unique_ptr<Stage> load(const auricle::Host &, const auricle::Config &) { return std::make_unique<Stage>(); }
};
// ANCHOR_END: stage

} // namespace

// ANCHOR: export
AURICLE_PLUGIN("my-engine", "0.1.0", "Replaces words in texts")
AURICLE_CLAIMS(R"({"needs": []})")
AURICLE_STAGES(Loader)
// ANCHOR_END: export
