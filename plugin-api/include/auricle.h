/* Engines and stages for the Auricle server in C, or in any language that can export C functions.
 *
 * A plugin is a shared library with two symbols: a manifest (AURICLE_PLUGIN) that the server reads from the file before any code
 * runs, and auricle_plugin_open, which returns tables of functions; and maybe claims (AURICLE_CLAIMS). Put the library into the server's plugin directory.
 * An engine recognises speech. A stage hears the audio and the events of a stream of any engine, and adds, changes or withholds events.
 * plugin-api/examples/loudness.c is a complete engine, level.c a complete stage. C++ authors should use auricle.hpp, which turns
 * exceptions into errors.
 *
 * Rules:
 *  - A structure begins with its size, sizeof as the author compiled it. Later versions of this file only append fields. Neither
 *    side reads beyond the size that the other one has set, so older and newer engines and servers work together.
 *  - Strings are UTF-8 and end with 0. What one side passes to a call, the other one may use until the call returns; for longer it
 *    has to make a copy.
 *  - Threads: load, metadata and open are called by any thread, several at a time. The functions of one stream are called by one
 *    thread at a time, but not always by the same one.
 *  - A C++ exception, longjmp or exit that leaves a function of the engine ends the process. Engines run in worker processes unless
 *    the operator trusts them, so the server then starts a new worker, and the streams go on from their last restart points.
 *  - Sample numbers count from the start of the stream, at the model's rate.
 */
#ifndef AURICLE_H
#define AURICLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The version of the plugin API that this file describes. */
#define AURICLE_API_MAJOR 1
#define AURICLE_API_MINOR 0

#ifdef __cplusplus
extern "C" {
#endif

/* What a call returns: AURICLE_OK, or one of the other codes. Engines may use their own codes from 1000 on. */
typedef uint32_t auricle_status;

#define AURICLE_OK 0u
#define AURICLE_ERROR_OTHER 1u         /* an error without a code of its own */
#define AURICLE_ERROR_CONFIG 3u        /* a configuration field is missing or invalid; the message names it */
#define AURICLE_ERROR_MODEL 4u         /* the model's files are missing or unreadable */
#define AURICLE_ERROR_CAPACITY 5u      /* no further stream can be served now */
#define AURICLE_ERROR_UNSUPPORTED 6u   /* the engine cannot do this */
#define AURICLE_ERROR_CONTRACT 7u      /* the call broke the contract */

/* Receives a call's answer, or the message of its error: one line for the operator that says what was wrong and what to do. */
typedef struct auricle_reply auricle_reply;
struct auricle_reply {
    size_t size;
    /* Appends bytes. */
    void (*write)(auricle_reply *reply, const void *data, size_t size);
};

/* A configuration: a JSON object whose fields the server has checked against the engine's schema, with defaults filled in. */
typedef struct auricle_config auricle_config;
struct auricle_config {
    size_t size;
    /* The whole object. */
    const char *json;
    /* A string field; NULL if it is absent or not a string. */
    const char *(*text)(const auricle_config *config, const char *field);
    /* A number field, or true (1) or false (0); `otherwise` if it is absent or of another type. */
    double (*number)(const auricle_config *config, const char *field, double otherwise);
};

/* The server's services. Valid until the process ends; may be used by any thread, also by the engine's own. */
typedef struct auricle_host auricle_host;
struct auricle_host {
    size_t size;
    /* The version of the plugin API that the server has. */
    uint32_t api_major;
    uint32_t api_minor;
    /* The directory of the engine's own files: the server's copy of its folder NAME.engine, or of its library. */
    const char *origin_dir;
    /* The directories of models, in order of preference; the last one is followed by NULL. */
    const char *const *resource_dirs;
    /* The most detailed level that is logged: 0 off, 1 error, 2 warning, 3 info, 4 debug, 5 trace. */
    uint32_t (*log_level)(const auricle_host *host);
    /* Writes a line to the server's log. */
    void (*log)(const auricle_host *host, uint32_t level, const char *message);
    /* Finds a file or folder in origin_dir or the resource directories and writes its path. An absolute name is taken as it is.
     * Returns AURICLE_ERROR_MODEL, and a message, if there is none. */
    auricle_status (*find)(const auricle_host *host, const char *name, auricle_reply *reply);
};

/* Whether a table of the server reaches this field, as in AURICLE_HAS(sink, cancelled). An engine that uses what a later version of
 * this file adds must ask, because the server may be older. */
#define AURICLE_HAS(table, field) ((const char *)&(table)->field < (const char *)(table) + (table)->size)

/* A word of a segment. */
typedef struct auricle_word {
    uint64_t start;     /* first sample */
    uint64_t end;       /* one past the last sample */
    const char *text;
    float confidence;   /* above 0, at most 1; 0 if unknown */
    const char *extra;  /* more fields for clients: a JSON object, or NULL */
} auricle_word;

/* A text with its place in the stream. */
typedef struct auricle_segment {
    size_t size;
    uint64_t start;             /* first sample */
    uint64_t end;               /* one past the last sample; not before start */
    const char *text;           /* the server removes white space at both ends, and replaces invalid UTF-8 */
    float confidence;           /* above 0, at most 1; 0 if unknown */
    const char *language;       /* a BCP 47 tag if the engine detects the language, or NULL */
    const char *extra;          /* more fields for clients: a JSON object, or NULL */
    const auricle_word *words;  /* in order; NULL if the engine has no times of words */
    size_t word_count;
    size_t word_size;           /* sizeof(auricle_word) if there are words */
} auricle_segment;

/* Receives a stream's events during a call, in the order in which clients get them. */
typedef struct auricle_sink auricle_sink;
struct auricle_sink {
    size_t size;
    /* The text after the last segment, which may change. The next partial replaces it; a segment clears it. */
    void (*partial)(auricle_sink *sink, const auricle_segment *segment);
    /* Final text. Segments follow one another in the order of their times. */
    void (*segment)(auricle_sink *sink, const auricle_segment *segment);
    /* Speech began at this sample. */
    void (*speech_started)(auricle_sink *sink, uint64_t sample);
    /* The utterance ended at this sample. */
    void (*endpoint)(auricle_sink *sink, uint64_t sample);
    /* `restore` could continue from `sample` in a new stream, given this state (at most 1 MiB). All text before is final. */
    void (*restart_point)(auricle_sink *sink, uint64_t sample, const void *state, size_t size);
    /* Not 0 if nobody needs the result any longer: a long computation may stop. */
    int (*cancelled)(auricle_sink *sink);
};

/* An entry of a batch: one stream. */
typedef struct auricle_batch_item {
    size_t size;
    void *stream;            /* has received its new audio */
    auricle_sink *sink;
    int ends;                /* not 0: do what finish does; only if the metadata set ends_in_batch */
    auricle_status status;   /* the result; AURICLE_OK unless the engine sets it */
    auricle_reply *reply;    /* receives the message of an error */
} auricle_batch_item;

/* An engine. The functions up to finish are required; the others may be NULL. */
typedef struct auricle_engine {
    size_t size;
    /* The name by which presets choose the engine: 1 to 64 letters, digits, dots, dashes or underscores. */
    const char *backend;
    /* The configuration fields: a JSON Schema, or NULL if there are none. A property that clients may set for their own stream has
     * "x-auricle-scope": "stream"; the others select the model and have "load". */
    const char *schema;

    /* Loads the model of a configuration. Called once for each distinct set of load fields; may take long. */
    auricle_status (*load)(const auricle_host *host, const auricle_config *config, void **model, auricle_reply *reply);
    /* Frees a model, after all of its streams. */
    void (*unload)(void *model);
    /* Writes the model's properties: a JSON object with the fields of `Metadata` in the Rust API, at least
     * {"sample_rate": HZ, "chunk_samples": N}. The same at every call. */
    auricle_status (*metadata)(void *model, auricle_reply *reply);

    /* Opens a stream. The options are the configuration with the stream's own fields merged into it. */
    auricle_status (*open)(void *model, const auricle_config *options, void **stream, auricle_reply *reply);
    /* Frees a stream. */
    void (*close)(void *stream);
    /* Discards all state and starts at this sample. Called before the first audio, and after a flush or reset. */
    auricle_status (*init)(void *stream, uint64_t offset, auricle_reply *reply);
    /* Receives mono audio in [-1, 1]: exactly chunk_samples, or fewer right before finish and right after restore. */
    auricle_status (*insert_audio_chunk)(void *stream, const float *samples, size_t count, auricle_reply *reply);
    /* Processes the audio since the last call. Called once for each chunk. */
    auricle_status (*process_iter)(void *stream, auricle_sink *sink, auricle_reply *reply);
    /* Processes the end of the audio and reports all of its text as segments. */
    auricle_status (*finish)(void *stream, auricle_sink *sink, auricle_reply *reply);

    /* Continues, in a new stream, from a restart point. The audio from `sample` on follows. */
    auricle_status (*restore)(void *stream, uint64_t sample, const void *state, size_t size, auricle_reply *reply);
    /* Does process_iter for several streams of a model. Called if the metadata set max_batch above 1. */
    void (*process_batch)(void *model, auricle_batch_item *const *items, size_t count);
    /* Writes a JSON array of the paths that a model of this configuration reads beside its own folder, the resource directories
     * and the paths in the configuration. Called in a process without a sandbox; the worker may then read them. */
    auricle_status (*files)(const auricle_host *host, const auricle_config *config, auricle_reply *reply);
} auricle_engine;

/* Stages are new in plugin API 1.1, which is not released yet: what follows may still change. */

/* Kinds of events. Later versions have more: pass on an event of a kind that you do not know, as it is. */
#define AURICLE_EVENT_PARTIAL 1u          /* text after the last segment, which may change */
#define AURICLE_EVENT_SEGMENT 2u          /* final text */
#define AURICLE_EVENT_SPEECH_STARTED 3u   /* speech began at `sample` */
#define AURICLE_EVENT_ENDPOINT 4u         /* the utterance ended at `sample` */
#define AURICLE_EVENT_TURN 5u             /* something happened to a speaker's turn at `sample` */

/* What happened to a turn. The server numbers turns, and drops what makes no sense, such as the end of one that has not started. */
#define AURICLE_TURN_STARTED 1u     /* the speaker began to speak */
#define AURICLE_TURN_UPDATE 2u      /* the turn goes on */
#define AURICLE_TURN_EAGER_END 3u   /* it is probably over; AURICLE_TURN_RESUMED or AURICLE_TURN_ENDED follows */
#define AURICLE_TURN_RESUMED 4u     /* after an eager end: the speaker goes on */
#define AURICLE_TURN_ENDED 5u       /* it is over */

/* Why a turn is over. */
#define AURICLE_TRIGGER_MODEL 1u    /* the stage found that it is */
#define AURICLE_TRIGGER_MANUAL 2u   /* the client asked for it, or ended or flushed its audio */
#define AURICLE_TRIGGER_TIMEOUT 3u  /* it lasted too long, or a pause did */

/* An event on its way from the engine to the client. What a kind does not need is 0 or NULL. */
typedef struct auricle_event {
    size_t size;
    uint32_t kind;                    /* AURICLE_EVENT_... */
    uint32_t change;                  /* of turns: AURICLE_TURN_... */
    uint32_t trigger;                 /* of turns that ended: AURICLE_TRIGGER_... */
    float confidence;                 /* of turns: how sure it is that the turn is over, above 0, at most 1; 0 if unknown */
    uint64_t sample;                  /* of events without a text: where it happened */
    const auricle_segment *segment;   /* of partials and segments */
} auricle_event;

/* Receives a stage's events during a call, in the order in which the next stage and the client get them. */
typedef struct auricle_stage_sink auricle_stage_sink;
struct auricle_stage_sink {
    size_t size;
    /* Reports an event, or passes one on. */
    void (*event)(auricle_stage_sink *sink, const auricle_event *event);
    /* Not 0 if nobody needs the result any longer. */
    int (*cancelled)(auricle_stage_sink *sink);
};

/* A stage. The functions up to init are required; the others may be NULL. The same calls must lead to the same events: after a crash
 * they are repeated, and what the client has already is counted. Only partials may differ, so nothing else may depend on them. */
typedef struct auricle_stage {
    size_t size;
    /* The name by which presets choose the stage: 1 to 64 letters, digits, dots, dashes or underscores. */
    const char *name;
    /* The configuration fields, as in auricle_engine. */
    const char *schema;

    /* Loads what all streams share. Called once for each model whose preset lists the stage. */
    auricle_status (*load)(const auricle_host *host, const auricle_config *config, void **stage, auricle_reply *reply);
    /* Frees it, after all of its streams. */
    void (*unload)(void *stage);
    /* Writes the stage's properties: a JSON object with the fields of `StageMetadata` in the Rust API, which are all optional:
     * {"sample_rate": HZ, "delay_seconds": S, "changes_text": true, "capabilities": ["turns"]}. The same at every call. */
    auricle_status (*metadata)(void *stage, auricle_reply *reply);

    /* Opens a stream. The options are the stage's configuration with the stream's own fields merged into it. */
    auricle_status (*open)(void *stage, const auricle_config *options, void **stream, auricle_reply *reply);
    /* Frees a stream. */
    void (*close)(void *stream);
    /* Discards all state and starts at this sample. Called before anything else, after a flush, and when a client resets the stream. */
    auricle_status (*init)(void *stream, uint64_t offset, auricle_reply *reply);

    /* Receives mono audio at the model's rate, in [-1, 1]: all of it, in pieces of any length, before the events whose times lie in it. */
    auricle_status (*audio)(void *stream, const float *samples, size_t count, auricle_stage_sink *sink, auricle_reply *reply);
    /* Receives an event of the engine, or of the stage before. Only what is given to the sink goes on: sink->event(sink, event) passes
     * it on unchanged. NULL: all events pass. */
    auricle_status (*event)(void *stream, const auricle_event *event, auricle_stage_sink *sink, auricle_reply *reply);
    /* The client ends the turn: report its end, if one is open. Only for stages that find turns. */
    auricle_status (*end_turn)(void *stream, auricle_stage_sink *sink, auricle_reply *reply);
    /* The end of the audio, or a flush, after the engine's last event: report everything that is withheld. */
    auricle_status (*finish)(void *stream, auricle_stage_sink *sink, auricle_reply *reply);
    /* Writes everything that `restore` needs in another process, with the events that are withheld; all stages of a stream together may
     * write 1 MiB. Called whenever the engine reports a restart point. NULL: there is no state. */
    auricle_status (*save)(void *stream, auricle_reply *reply);
    /* Continues, in a new stream, from a state that `save` wrote when the audio before `sample` had been heard. The audio from there on
     * follows. NULL: as init. */
    auricle_status (*restore)(void *stream, uint64_t sample, const void *state, size_t size, auricle_reply *reply);
    /* The files that the stage reads, as in auricle_engine. */
    auricle_status (*files)(const auricle_host *host, const auricle_config *config, auricle_reply *reply);
} auricle_stage;

/* What auricle_plugin_open returns: engines, stages or both. Must stay valid until the process ends. */
typedef struct auricle_plugin {
    size_t size;
    const auricle_engine *const *engines;
    size_t engine_count;
    const auricle_stage *const *stages;
    size_t stage_count;
} auricle_plugin;

#if defined(_WIN32)
#define AURICLE_EXPORT __declspec(dllexport)
#else
#define AURICLE_EXPORT __attribute__((visibility("default")))
#endif

/* Returns the plugin's engines and stages. Called once for each loaded library, before anything else. NULL, with a message, on failure. */
AURICLE_EXPORT const auricle_plugin *auricle_plugin_open(const auricle_host *host, auricle_reply *reply);

/* The target triple, as the server names it. Define it yourself for a target that is not listed. */
#ifndef AURICLE_TARGET
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__)
#define AURICLE_TARGET "x86_64-unknown-linux-gnu"
#elif defined(__aarch64__) && defined(__linux__) && defined(__GLIBC__)
#define AURICLE_TARGET "aarch64-unknown-linux-gnu"
#elif defined(__x86_64__) && defined(__linux__)
#define AURICLE_TARGET "x86_64-unknown-linux-musl"
#elif defined(__aarch64__) && defined(__APPLE__)
#define AURICLE_TARGET "aarch64-apple-darwin"
#elif defined(__x86_64__) && defined(__APPLE__)
#define AURICLE_TARGET "x86_64-apple-darwin"
#elif defined(_M_X64) && defined(_MSC_VER)
#define AURICLE_TARGET "x86_64-pc-windows-msvc"
#elif defined(__x86_64__) && defined(__MINGW32__)
#define AURICLE_TARGET "x86_64-pc-windows-gnu"
#else
#error "define AURICLE_TARGET: the target triple of the server, such as x86_64-unknown-linux-gnu"
#endif
#endif

/* The manifest: fixed size, no pointers, little-endian. */
typedef struct auricle_manifest {
    char magic[16];
    unsigned char size[4];
    unsigned char api_major[4];
    unsigned char api_minor[4];
    unsigned char kind[4]; /* 1: this interface */
    char target[48];
    char id[64];
    char version[48];
    char description[192];
} auricle_manifest;

#define AURICLE_BYTES(number) \
    { (unsigned char)((number) & 255), (unsigned char)((number) >> 8 & 255), \
      (unsigned char)((number) >> 16 & 255), (unsigned char)((number) >> 24 & 255) }

#ifdef __cplusplus
#define AURICLE_EXTERN extern "C"
#else
#define AURICLE_EXTERN extern
#endif

/* Defines the manifest. Use it once, outside of functions, without a semicolon. The id names the plugin; of several plugins with one
 * id the server uses the highest version (semantic versioning). A text that is too long does not compile. */
#define AURICLE_PLUGIN(id, version, description) \
    typedef char auricle_id_has_at_most_63_bytes[sizeof(id) <= 64 ? 1 : -1]; \
    typedef char auricle_version_has_at_most_47_bytes[sizeof(version) <= 48 ? 1 : -1]; \
    typedef char auricle_description_has_at_most_191_bytes[sizeof(description) <= 192 ? 1 : -1]; \
    AURICLE_EXTERN AURICLE_EXPORT const auricle_manifest AURICLE_PLUGIN_MANIFEST; \
    const auricle_manifest AURICLE_PLUGIN_MANIFEST = { \
        { 'a', 'u', 'r', 'i', 'c', 'l', 'e', ' ', 'p', 'l', 'u', 'g', 'i', 'n', '\r', '\n' }, \
        AURICLE_BYTES(sizeof(auricle_manifest)), AURICLE_BYTES(AURICLE_API_MAJOR), AURICLE_BYTES(AURICLE_API_MINOR), \
        AURICLE_BYTES(1), AURICLE_TARGET, id, version, description };

/* Defines claims: what all of the plugin's models can do and what they need, a JSON object such as
 * "{\"can\": [\"partials\"], \"languages\": [\"en\"], \"needs\": [\"files\"]}". The server shows them before it runs any code of the
 * plugin, and its sandbox grants what they need and no more. Optional; use it once, after AURICLE_PLUGIN, without a semicolon.
 *  - can: "partials", "word-times", "confidence", "endpoints" (as in the metadata), "batches", "hotwords"
 *  - languages: BCP 47 tags of all models
 *  - needs: "files" (those that the function `files` names), "network", "gpu", "no-sandbox" */
#define AURICLE_CLAIMS(json) \
    typedef char auricle_claims_have_at_most_65536_bytes[sizeof(json) <= 65537 ? 1 : -1]; \
    typedef struct auricle_claims { unsigned char size[4]; char text[sizeof(json)]; } auricle_claims; \
    AURICLE_EXTERN AURICLE_EXPORT const auricle_claims AURICLE_PLUGIN_CLAIMS; \
    const auricle_claims AURICLE_PLUGIN_CLAIMS = { AURICLE_BYTES(sizeof(json) - 1), json };

/* Copies a structure of the server into one that the author may change: AURICLE_COPY(&segment, event->segment). What an older server
 * does not have is 0. */
#define AURICLE_COPY(to, from) auricle_copy((to), sizeof *(to), (from))
static inline void auricle_copy(void *to, size_t size, const void *from) {
    size_t given;
    memcpy(&given, from, sizeof given);
    memset(to, 0, size);
    memcpy(to, from, given < size ? given : size);
    memcpy(to, &size, sizeof size);
}

/* Writes an answer. */
static inline auricle_status auricle_answer(auricle_reply *reply, const char *text) {
    reply->write(reply, text, strlen(text));
    return AURICLE_OK;
}

/* Writes the message of an error, as printf does, and returns its code. */
static inline auricle_status auricle_fail(auricle_reply *reply, auricle_status code, const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    reply->write(reply, message, strlen(message));
    return code;
}

#ifdef __cplusplus
}
#endif

#endif
