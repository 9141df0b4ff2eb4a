// Engines and stages for the Auricle server in C++17: auricle.h with classes. An exception becomes an error of the call and closes
// only its stream.
//
// An engine has three classes, like the traits of the Rust API:
//
//   struct Stream {
//       void init(std::uint64_t offset);
//       void insert_audio_chunk(const float *samples, std::size_t count);
//       void process_iter(auricle::Sink sink);
//       void finish(auricle::Sink sink);
//       void restore(std::uint64_t sample, std::string_view state);             // optional
//   };
//   struct Model {
//       std::string metadata() const;                                           // JSON
//       std::unique_ptr<Stream> open(const auricle::Config &options);           // several threads at a time
//   };
//   struct Loader {
//       static constexpr const char *backend = "name", *schema = nullptr;       // the schema is JSON
//       static std::unique_ptr<Model> load(const auricle::Host &host, const auricle::Config &config);
//   };
//
//   AURICLE_PLUGIN("my-engine", "1.0.0", "what it does")
//   AURICLE_CLAIMS(R"({"can": ["partials"], "needs": ["gpu"]})")                // optional, see auricle.h
//   AURICLE_ENGINES(Loader)
//
// So has a stage. Only `init` is required of its stream: without `event` all events pass unchanged.
//
//   struct Stream {
//       void init(std::uint64_t offset);
//       void audio(const float *samples, std::size_t count, auricle::StageSink sink);
//       void event(const auricle_event &event, auricle::StageSink sink);
//       void end_turn(auricle::StageSink sink);
//       void finish(auricle::StageSink sink);
//       std::string save();                                                     // `restore` gets what it returns
//       void restore(std::uint64_t sample, std::string_view state);
//   };
//   struct Stage {
//       std::string metadata() const;                                           // JSON
//       std::unique_ptr<Stream> open(const auricle::Config &options);
//   };
//   struct Loader {
//       static constexpr const char *name = "name", *schema = nullptr;
//       static std::unique_ptr<Stage> load(const auricle::Host &host, const auricle::Config &config);
//   };
//
//   AURICLE_STAGES(Loader)
//
// A plugin with both has AURICLE_PARTS(auricle::Engines<EngineLoader>(), auricle::Stages<StageLoader>()) instead.
//
// auricle.h has the rules of each function. plugins/moonshine/ is a complete engine.
#ifndef AURICLE_HPP
#define AURICLE_HPP

#include "auricle.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace auricle {

// An error with a code of auricle.h. Other exceptions have the code AURICLE_ERROR_OTHER.
class Error : public std::runtime_error {
public:
    Error(auricle_status code, const std::string &message) : std::runtime_error(message), code(code) {}
    auricle_status code;
};

// The configuration of a model or stream.
class Config {
public:
    explicit Config(const auricle_config *config) : config(config) {}
    // The whole JSON object.
    std::string_view json() const { return config->json; }
    // A string field that must be there.
    std::string text(const char *field) const {
        if (const char *text = config->text(config, field)) return text;
        throw Error(AURICLE_ERROR_CONFIG, std::string("field `") + field + "`: is missing");
    }
    std::string text(const char *field, const char *otherwise) const {
        const char *text = config->text(config, field);
        return text ? text : otherwise;
    }
    double number(const char *field, double otherwise) const { return config->number(config, field, otherwise); }

private:
    const auricle_config *config;
};

// The server's services. May be copied, and used by any thread.
class Host {
public:
    explicit Host(const auricle_host *host) : host(host) {}
    std::string origin_dir() const { return host->origin_dir; }
    // The path of a file or folder in the engine's folder or the resource directories.
    std::string find(const std::string &name) const {
        Text text;
        const auricle_status status = host->find(host, name.c_str(), &text.reply);
        if (status != AURICLE_OK) throw Error(status, text.text);
        return text.text;
    }
    // Writes a line to the server's log; 1 error, 2 warning, 3 info, 4 debug, 5 trace.
    void log(std::uint32_t level, const std::string &message) const { host->log(host, level, message.c_str()); }

private:
    struct Text {
        auricle_reply reply{sizeof(auricle_reply), append};
        std::string text;
        static void append(auricle_reply *reply, const void *data, std::size_t size) {
            // The reply is the first member.
            reinterpret_cast<Text *>(reply)->text.append(static_cast<const char *>(data), size);
        }
    };
    const auricle_host *host;
};

// Receives a stream's events during a call.
class Sink {
public:
    explicit Sink(auricle_sink *sink) : sink(sink) {}
    void partial(const auricle_segment &segment) { sink->partial(sink, &segment); }
    void partial(std::uint64_t start, std::uint64_t end, const std::string &text) { partial(whole(start, end, text)); }
    void segment(const auricle_segment &segment) { sink->segment(sink, &segment); }
    void segment(std::uint64_t start, std::uint64_t end, const std::string &text) { segment(whole(start, end, text)); }
    void speech_started(std::uint64_t sample) { sink->speech_started(sink, sample); }
    void endpoint(std::uint64_t sample) { sink->endpoint(sink, sample); }
    void restart_point(std::uint64_t sample, std::string_view state) {
        sink->restart_point(sink, sample, state.data(), state.size());
    }
    bool cancelled() const { return sink->cancelled(sink) != 0; }

private:
    static auricle_segment whole(std::uint64_t start, std::uint64_t end, const std::string &text) {
        auricle_segment segment{};
        segment.size = sizeof segment;
        segment.start = start;
        segment.end = end;
        segment.text = text.c_str();
        return segment;
    }
    auricle_sink *sink;
};

// Receives a stage's events during a call.
class StageSink {
public:
    explicit StageSink(auricle_stage_sink *sink) : sink(sink) {}
    // Reports an event, or passes one on.
    void event(const auricle_event &event) { sink->event(sink, &event); }
    void partial(const auricle_segment &segment) { text(AURICLE_EVENT_PARTIAL, segment); }
    void segment(const auricle_segment &segment) { text(AURICLE_EVENT_SEGMENT, segment); }
    // Reports that something happened to a turn. `trigger` is for AURICLE_TURN_ENDED.
    void turn(std::uint64_t sample, std::uint32_t change, std::uint32_t trigger = 0, float confidence = 0) {
        auricle_event event = of(AURICLE_EVENT_TURN);
        event.sample = sample;
        event.change = change;
        event.trigger = trigger;
        event.confidence = confidence;
        this->event(event);
    }
    bool cancelled() const { return sink->cancelled(sink) != 0; }

private:
    static auricle_event of(std::uint32_t kind) {
        auricle_event event{};
        event.size = sizeof event;
        event.kind = kind;
        return event;
    }
    void text(std::uint32_t kind, const auricle_segment &segment) {
        auricle_event event = of(kind);
        event.segment = &segment;
        this->event(event);
    }
    auricle_stage_sink *sink;
};

// The loaders of a plugin's engines and stages, for AURICLE_PARTS.
template <class... Loaders> struct Engines {};
template <class... Loaders> struct Stages {};

namespace detail {

// Runs a call; an exception becomes a status and a message.
template <class Call> auricle_status guard(auricle_reply *reply, Call &&call) noexcept {
    try {
        std::forward<Call>(call)();
        return AURICLE_OK;
    } catch (const Error &error) {
        return auricle_fail(reply, error.code, "%s", error.what());
    } catch (const std::exception &error) {
        return auricle_fail(reply, AURICLE_ERROR_OTHER, "%s", error.what());
    } catch (...) {
        return auricle_fail(reply, AURICLE_ERROR_OTHER, "an exception that is no std::exception");
    }
}

// Whether a stream has an optional function.
#define AURICLE_OPTIONAL(name, call) \
    template <class Stream, class = void> struct name : std::false_type {}; \
    template <class Stream> struct name<Stream, std::void_t<decltype(std::declval<Stream &>().call)>> : std::true_type {};
AURICLE_OPTIONAL(can_restore, restore(std::uint64_t(), std::string_view()))
AURICLE_OPTIONAL(can_hear, audio(static_cast<const float *>(nullptr), std::size_t(), std::declval<StageSink>()))
AURICLE_OPTIONAL(takes_events, event(std::declval<const auricle_event &>(), std::declval<StageSink>()))
AURICLE_OPTIONAL(ends_turns, end_turn(std::declval<StageSink>()))
AURICLE_OPTIONAL(finishes, finish(std::declval<StageSink>()))
AURICLE_OPTIONAL(can_save, save())
#undef AURICLE_OPTIONAL

// The table of an engine.
template <class Loader> struct Table {
    using ModelPtr = decltype(Loader::load(std::declval<const Host &>(), std::declval<const Config &>()));
    using Model = typename ModelPtr::element_type;
    using StreamPtr = decltype(std::declval<Model &>().open(std::declval<const Config &>()));
    using Stream = typename StreamPtr::element_type;

    static auricle_status load(const auricle_host *host, const auricle_config *config, void **model, auricle_reply *reply) {
        return guard(reply, [&] { *model = Loader::load(Host(host), Config(config)).release(); });
    }
    static void unload(void *model) { delete static_cast<Model *>(model); }
    static auricle_status metadata(void *model, auricle_reply *reply) {
        return guard(reply, [&] {
            const std::string json = static_cast<Model *>(model)->metadata();
            reply->write(reply, json.data(), json.size());
        });
    }
    static auricle_status open(void *model, const auricle_config *options, void **stream, auricle_reply *reply) {
        return guard(reply, [&] { *stream = static_cast<Model *>(model)->open(Config(options)).release(); });
    }
    static void close(void *stream) { delete static_cast<Stream *>(stream); }
    static auricle_status init(void *stream, std::uint64_t offset, auricle_reply *reply) {
        return guard(reply, [&] { static_cast<Stream *>(stream)->init(offset); });
    }
    static auricle_status insert(void *stream, const float *samples, std::size_t count, auricle_reply *reply) {
        return guard(reply, [&] { static_cast<Stream *>(stream)->insert_audio_chunk(samples, count); });
    }
    static auricle_status process(void *stream, auricle_sink *sink, auricle_reply *reply) {
        return guard(reply, [&] { static_cast<Stream *>(stream)->process_iter(Sink(sink)); });
    }
    static auricle_status finish(void *stream, auricle_sink *sink, auricle_reply *reply) {
        return guard(reply, [&] { static_cast<Stream *>(stream)->finish(Sink(sink)); });
    }
    static auricle_status restore(void *stream, std::uint64_t sample, const void *state, std::size_t size, auricle_reply *reply) {
        return guard(reply, [&] {
            if constexpr (can_restore<Stream>::value)
                static_cast<Stream *>(stream)->restore(sample, {static_cast<const char *>(state), size});
        });
    }

    static constexpr auricle_engine table{
        sizeof(auricle_engine), Loader::backend, Loader::schema, load, unload, metadata, open, close, init, insert, process, finish,
        can_restore<Stream>::value ? restore : nullptr, nullptr, nullptr};
};

// The table of a stage.
template <class Loader> struct StageTable {
    using StagePtr = decltype(Loader::load(std::declval<const Host &>(), std::declval<const Config &>()));
    using Stage = typename StagePtr::element_type;
    using StreamPtr = decltype(std::declval<Stage &>().open(std::declval<const Config &>()));
    using Stream = typename StreamPtr::element_type;

    static auricle_status load(const auricle_host *host, const auricle_config *config, void **stage, auricle_reply *reply) {
        return guard(reply, [&] { *stage = Loader::load(Host(host), Config(config)).release(); });
    }
    static void unload(void *stage) { delete static_cast<Stage *>(stage); }
    static auricle_status metadata(void *stage, auricle_reply *reply) {
        return guard(reply, [&] {
            const std::string json = static_cast<Stage *>(stage)->metadata();
            reply->write(reply, json.data(), json.size());
        });
    }
    static auricle_status open(void *stage, const auricle_config *options, void **stream, auricle_reply *reply) {
        return guard(reply, [&] { *stream = static_cast<Stage *>(stage)->open(Config(options)).release(); });
    }
    static void close(void *stream) { delete static_cast<Stream *>(stream); }
    static auricle_status init(void *stream, std::uint64_t offset, auricle_reply *reply) {
        return guard(reply, [&] { static_cast<Stream *>(stream)->init(offset); });
    }
    static auricle_status audio(void *stream, const float *samples, std::size_t count, auricle_stage_sink *sink, auricle_reply *reply) {
        return guard(reply, [&] {
            if constexpr (can_hear<Stream>::value) static_cast<Stream *>(stream)->audio(samples, count, StageSink(sink));
        });
    }
    static auricle_status event(void *stream, const auricle_event *event, auricle_stage_sink *sink, auricle_reply *reply) {
        return guard(reply, [&] {
            if constexpr (takes_events<Stream>::value) static_cast<Stream *>(stream)->event(*event, StageSink(sink));
        });
    }
    static auricle_status end_turn(void *stream, auricle_stage_sink *sink, auricle_reply *reply) {
        return guard(reply, [&] {
            if constexpr (ends_turns<Stream>::value) static_cast<Stream *>(stream)->end_turn(StageSink(sink));
        });
    }
    static auricle_status finish(void *stream, auricle_stage_sink *sink, auricle_reply *reply) {
        return guard(reply, [&] {
            if constexpr (finishes<Stream>::value) static_cast<Stream *>(stream)->finish(StageSink(sink));
        });
    }
    static auricle_status save(void *stream, auricle_reply *reply) {
        return guard(reply, [&] {
            if constexpr (can_save<Stream>::value) {
                const std::string state = static_cast<Stream *>(stream)->save();
                reply->write(reply, state.data(), state.size());
            }
        });
    }
    static auricle_status restore(void *stream, std::uint64_t sample, const void *state, std::size_t size, auricle_reply *reply) {
        return guard(reply, [&] {
            if constexpr (can_restore<Stream>::value)
                static_cast<Stream *>(stream)->restore(sample, {static_cast<const char *>(state), size});
        });
    }

    static constexpr auricle_stage table{
        sizeof(auricle_stage), Loader::name, Loader::schema, load, unload, metadata, open, close, init,
        can_hear<Stream>::value ? audio : nullptr, takes_events<Stream>::value ? event : nullptr,
        ends_turns<Stream>::value ? end_turn : nullptr, finishes<Stream>::value ? finish : nullptr,
        can_save<Stream>::value ? save : nullptr, can_restore<Stream>::value ? restore : nullptr, nullptr};
};

template <class... EngineLoaders, class... StageLoaders>
const auricle_plugin *plugin(Engines<EngineLoaders...>, Stages<StageLoaders...>) {
    // The last entries are not counted: an array cannot be empty.
    static constexpr const auricle_engine *engines[] = {&Table<EngineLoaders>::table..., nullptr};
    static constexpr const auricle_stage *stages[] = {&StageTable<StageLoaders>::table..., nullptr};
    static constexpr auricle_plugin plugin{sizeof(auricle_plugin), engines, sizeof...(EngineLoaders), stages, sizeof...(StageLoaders)};
    return &plugin;
}

} // namespace detail
} // namespace auricle

// Defines the plugin's engines and stages: auricle::Engines<...>() and auricle::Stages<...>(). Use one of the three macros once, outside of
// functions and namespaces.
#define AURICLE_PARTS(...) \
    extern "C" AURICLE_EXPORT const auricle_plugin *auricle_plugin_open(const auricle_host *, auricle_reply *) { \
        return auricle::detail::plugin(__VA_ARGS__); \
    }
#define AURICLE_ENGINES(...) AURICLE_PARTS(auricle::Engines<__VA_ARGS__>(), auricle::Stages<>())
#define AURICLE_STAGES(...) AURICLE_PARTS(auricle::Engines<>(), auricle::Stages<__VA_ARGS__>())

#endif
