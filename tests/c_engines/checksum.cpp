// Two engines in C++ that report the same texts as the engine `tone`, and fail on demand. `checksum` is built with auricle.hpp;
// `checksum-bare` has a function of its own in its table, out of which exceptions fly.

#include <auricle.hpp>

#include <cmath>
#include <cstdlib>

struct Stream {
    std::string fault;
    // Chunks of the segment, and since the start or restart.
    std::uint64_t after, start = 0, position = 0, chunks = 0, heard = 0;
    std::uint32_t sum = 0;

    explicit Stream(const auricle::Config &options)
        : fault(options.text("fault", "")), after(static_cast<std::uint64_t>(options.number("after_chunks", 0))) {}

    void init(std::uint64_t offset) {
        begin(offset);
        heard = 0;
    }

    void begin(std::uint64_t offset) {
        start = position = offset;
        chunks = sum = 0;
    }

    void insert_audio_chunk(const float *samples, std::size_t count) {
        for (std::size_t i = 0; i < count; i++)
            sum = sum * 31 + static_cast<std::uint32_t>(static_cast<std::int32_t>(std::lround(samples[i] * 32768)));
        position += count;
        chunks++;
        heard++;
    }

    std::string text() const {
        char text[64];
        std::snprintf(text, sizeof text, "%llu:%08x", static_cast<unsigned long long>(position - start), sum);
        return text;
    }

    void process_iter(auricle::Sink sink) {
        if (chunks == 1) sink.speech_started(start);
        if (heard == after) {
            if (fault == "exception") throw std::runtime_error("the exception asked for");
            if (fault == "error") throw auricle::Error(AURICLE_ERROR_CAPACITY, "the error asked for");
            if (fault == "number") throw 5;
            if (fault == "exit") std::exit(3);
        }
        if (chunks == 10)
            finish(sink);
        else
            sink.partial(start, position, text());
    }

    void finish(auricle::Sink sink) {
        if (position == start) return;
        sink.segment(start, position, text());
        sink.endpoint(position);
        sink.restart_point(position, {});
        begin(position);
    }

    void restore(std::uint64_t sample, std::string_view) { init(sample); }
};

struct Model {
    std::string metadata() const { return R"({"sample_rate": 16000, "chunk_samples": 1600, "replay": "exact"})"; }
    std::unique_ptr<Stream> open(const auricle::Config &options) { return std::make_unique<Stream>(options); }
};

struct Guarded {
    static constexpr const char *backend = "checksum";
    static constexpr const char *schema = R"({"properties": {
        "missing": {"type": "boolean", "default": false},
        "fault": {"type": "string", "default": "", "x-auricle-scope": "stream"},
        "at": {"type": "string", "default": "", "x-auricle-scope": "stream"},
        "after_chunks": {"type": "integer", "default": 0, "x-auricle-scope": "stream"}}})";
    static std::unique_ptr<Model> load(const auricle::Host &, const auricle::Config &config) {
        if (config.number("missing", 0) != 0) throw auricle::Error(AURICLE_ERROR_MODEL, "no model, as asked for");
        return std::make_unique<Model>();
    }
};

static auricle_status bare_process_iter(void *stream, auricle_sink *sink, auricle_reply *) {
    static_cast<Stream *>(stream)->process_iter(auricle::Sink(sink));
    return AURICLE_OK;
}

static const auricle_plugin *plugin() {
    static auricle_engine bare = auricle::detail::Table<Guarded>::table;
    bare.backend = "checksum-bare";
    bare.process_iter = bare_process_iter;
    static const auricle_engine *const engines[] = {&auricle::detail::Table<Guarded>::table, &bare};
    static const auricle_plugin plugin{sizeof(auricle_plugin), engines, 2, nullptr, 0};
    return &plugin;
}

extern "C" AURICLE_EXPORT const auricle_plugin *auricle_plugin_open(const auricle_host *, auricle_reply *) { return plugin(); }

AURICLE_PLUGIN("checksum-cpp", "1.0.0", "reports samples as numbers, and fails on demand")
