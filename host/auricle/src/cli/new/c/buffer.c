/* The engine `my-engine`: telephone keys in passages of audio. A passage begins with sound and ends with a pause.
 *
 * `transcribe` recognises a whole passage; replace it, with keypad.h, by a recogniser that needs a buffer. auricle.h has the
 * rules of each function.
 */
#include "keypad.h"

#include <auricle.h>
#include <stdlib.h>

/* Samples in a chunk: 100 ms. */
#define CHUNK (KEYPAD_RATE / 10)
/* A passage is recognised after 28 s at the latest. */
#define LONGEST (28 * KEYPAD_RATE)
/* A passage has at most this many words. */
#define MOST_WORDS 256

/* A loaded model, shared by all of its streams. */
struct keypad {
    double threshold;
};

/* One stream: the passage that is being heard. */
struct passage {
    const struct keypad *model;
    size_t pause;     /* samples of silence that end the passage */
    uint64_t start;   /* the place of its first sample in the stream */
    float *audio;
    size_t count, capacity;
    size_t processed; /* samples that were looked at */
    size_t quiet;     /* samples since the last sound */
    int sounds;       /* whether the passage has begun; until then the audio is the last chunk */
};

/* ANCHOR: transcribe */
/* Recognises a passage; returns the number of words. Places count from the passage's start. */
static size_t transcribe(const struct keypad *model, const float *audio, size_t count, auricle_word *words) {
    const char *pressed = NULL;
    size_t found = 0;
    for (size_t at = 0; at < count; at += KEYPAD_BLOCK) {
        const size_t end = at + KEYPAD_BLOCK < count ? at + KEYPAD_BLOCK : count;
        const char *key = keypad_key(audio + at, end - at, model->threshold);
        if (key && key == pressed) {
            words[found - 1].end = end;
        } else if (key && found < MOST_WORDS) {
            const auricle_word word = {.start = at, .end = end, .text = key};
            words[found++] = word;
        } else {
            key = NULL;
        }
        pressed = key;
    }
    return found;
}
/* ANCHOR_END: transcribe */

/* An engine with weights finds them with host->find and reads them here. */
static auricle_status load(const auricle_host *host, const auricle_config *config, void **model, auricle_reply *reply) {
    struct keypad *keypad = malloc(sizeof *keypad);
    if (!keypad) return auricle_fail(reply, AURICLE_ERROR_OTHER, "out of memory");
    keypad->threshold = config->number(config, "threshold", 0.01);
    host->log(host, 3, "the keypad is ready");
    *model = keypad;
    return AURICLE_OK;
}

static auricle_status metadata(void *model, auricle_reply *reply) {
    (void)model;
    return auricle_answer(reply, "{\"sample_rate\": 16000, \"chunk_samples\": 1600, \"replay\": \"exact\","
                                 " \"capabilities\": [\"word-times\", \"endpoints\"]}");
}

static auricle_status open(void *model, const auricle_config *options, void **stream, auricle_reply *reply) {
    struct passage *passage = calloc(1, sizeof *passage);
    if (!passage) return auricle_fail(reply, AURICLE_ERROR_CAPACITY, "out of memory");
    passage->model = model;
    passage->pause = (size_t)(options->number(options, "pause", 0.5) * KEYPAD_RATE);
    *stream = passage;
    return AURICLE_OK;
}

static void close(void *stream) {
    struct passage *passage = stream;
    free(passage->audio);
    free(passage);
}

/* Forgets the first samples. */
static void drop(struct passage *passage, size_t count) {
    memmove(passage->audio, passage->audio + count, (passage->count - count) * sizeof(float));
    passage->start += count;
    passage->count -= count;
    passage->processed -= count;
}

/* ANCHOR: events */
/* Recognises the passage, reports its words, and waits for the next one. */
static void end(struct passage *passage, auricle_sink *sink) {
    auricle_word words[MOST_WORDS];
    char text[2 * MOST_WORDS + 1] = "";
    const size_t count = transcribe(passage->model, passage->audio, passage->count, words);
    for (size_t i = 0; i < count; i++) {
        words[i].start += passage->start;
        words[i].end += passage->start;
        if (i) strcat(text, " ");
        strcat(text, words[i].text);
    }
    if (count) {
        const auricle_segment segment = {
            .size = sizeof segment,
            .start = words[0].start,
            .end = words[count - 1].end,
            .text = text,
            .words = words,
            .word_count = count,
            .word_size = sizeof(auricle_word),
        };
        sink->segment(sink, &segment);
        sink->endpoint(sink, passage->start + passage->count);
    }
    drop(passage, passage->count);
    passage->sounds = 0;
    passage->quiet = 0;
    /* A new stream needs no state to continue here. */
    sink->restart_point(sink, passage->start, "", 0);
}
/* ANCHOR_END: events */

static auricle_status init(void *stream, uint64_t offset, auricle_reply *reply) {
    struct passage *passage = stream;
    (void)reply;
    passage->start = offset;
    passage->count = passage->processed = passage->quiet = 0;
    passage->sounds = 0;
    return AURICLE_OK;
}

/* ANCHOR: stream */
static auricle_status insert_audio_chunk(void *stream, const float *samples, size_t count, auricle_reply *reply) {
    struct passage *passage = stream;
    if (passage->count + count > passage->capacity) {
        const size_t capacity = 2 * (passage->count + count);
        float *audio = realloc(passage->audio, capacity * sizeof *audio);
        if (!audio) return auricle_fail(reply, AURICLE_ERROR_CAPACITY, "out of memory");
        passage->audio = audio;
        passage->capacity = capacity;
    }
    if (count) memcpy(passage->audio + passage->count, samples, count * sizeof *samples);
    passage->count += count;
    return AURICLE_OK;
}

static auricle_status process_iter(void *stream, auricle_sink *sink, auricle_reply *reply) {
    struct passage *passage = stream;
    const size_t fresh = passage->count - passage->processed;
    double energy = 0;
    (void)reply;
    if (fresh == 0) return AURICLE_OK;
    for (size_t i = passage->processed; i < passage->count; i++) energy += (double)passage->audio[i] * passage->audio[i];
    passage->processed = passage->count;
    if (sqrt(energy / (double)fresh) > passage->model->threshold) {
        passage->sounds = 1;
        passage->quiet = 0;
    } else {
        passage->quiet += fresh;
    }
    if (!passage->sounds) {
        /* The last chunk is kept: it may have the beginning of a sound. */
        if (passage->count > CHUNK) drop(passage, passage->count - CHUNK);
        sink->restart_point(sink, passage->start, "", 0);
    } else if (passage->quiet >= passage->pause || passage->count >= LONGEST) {
        end(passage, sink);
    }
    return AURICLE_OK;
}

static auricle_status finish(void *stream, auricle_sink *sink, auricle_reply *reply) {
    struct passage *passage = stream;
    const auricle_status status = process_iter(stream, sink, reply);
    if (passage->sounds) end(passage, sink);
    return status;
}

static auricle_status restore(void *stream, uint64_t sample, const void *state, size_t size, auricle_reply *reply) {
    (void)state, (void)size;
    return init(stream, sample, reply);
}
/* ANCHOR_END: stream */

static const auricle_engine engine = {
    .size = sizeof engine,
    .backend = "my-engine",
    .schema = "{\"properties\": {"
              "\"threshold\": {\"type\": \"number\", \"minimum\": 0, \"maximum\": 1, \"default\": 0.01,"
              " \"x-auricle-scope\": \"load\", \"description\": \"loudness of the quietest key, of full scale\"},"
              "\"pause\": {\"type\": \"number\", \"minimum\": 0.1, \"maximum\": 10, \"default\": 0.5,"
              " \"x-auricle-scope\": \"stream\", \"description\": \"seconds of silence that end a passage\"}}}",
    .load = load,
    .unload = free,
    .metadata = metadata,
    .open = open,
    .close = close,
    .init = init,
    .insert_audio_chunk = insert_audio_chunk,
    .process_iter = process_iter,
    .finish = finish,
    .restore = restore,
};
static const auricle_engine *const engines[] = {&engine};
static const auricle_plugin plugin = {.size = sizeof plugin, .engines = engines, .engine_count = 1};

const auricle_plugin *auricle_plugin_open(const auricle_host *host, auricle_reply *reply) {
    (void)host, (void)reply;
    return &plugin;
}

AURICLE_PLUGIN("my-engine", "0.1.0", "Recognises the tones of telephone keys")
