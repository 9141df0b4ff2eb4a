/* The stage `my-engine`: replaces words in texts, names that engines spell in their own way, or what must not be shown. auricle.h has
 * the rules of each function.
 */
#include <auricle.h>
#include <ctype.h>
#include <stdlib.h>

/* ANCHOR: state */
/* One stream. It holds nothing back, so it has nothing to save. */
struct replacer {
    char *words; /* pairs such as "ten=10 meters=m" */
};
/* ANCHOR_END: state */

/* What is written instead of a word: a part of `words`, or the word itself. */
static const char *find(const char *words, const char *word, size_t length, size_t *found) {
    while (*words) {
        const size_t pair = strcspn(words, " "), key = strcspn(words, "= ");
        size_t same = 0;
        while (same < key && same < length && tolower((unsigned char)words[same]) == tolower((unsigned char)word[same])) same++;
        if (same == length && same == key && key < pair) {
            *found = pair - key - 1;
            return words + key + 1;
        }
        words += pair;
        words += strspn(words, " ");
    }
    *found = length;
    return word;
}

/* Writes a text with its words replaced, and returns its length. NULL for `into` only measures it. */
static size_t replace(const char *words, const char *text, char *into) {
    size_t length = 0;
    while (*text) {
        const size_t gap = strspn(text, " "), word = strcspn(text + gap, " ");
        size_t found;
        const char *by = find(words, text + gap, word, &found);
        if (into) {
            memcpy(into + length, text, gap);
            memcpy(into + length + gap, by, found);
        }
        length += gap + found;
        text += gap + word;
    }
    if (into) into[length] = 0;
    return length;
}

static char *replaced(const char *words, const char *text) {
    char *copy = malloc(replace(words, text, NULL) + 1);
    if (copy) replace(words, text, copy);
    return copy;
}

/* ANCHOR: stage */
/* A stage with weights reads them here; this one has nothing that streams share. */
static auricle_status load(const auricle_host *host, const auricle_config *config, void **stage, auricle_reply *reply) {
    (void)host, (void)config, (void)reply;
    *stage = NULL;
    return AURICLE_OK;
}

static void unload(void *stage) { (void)stage; }

static auricle_status metadata(void *stage, auricle_reply *reply) {
    (void)stage;
    return auricle_answer(reply, "{\"changes_text\": true}");
}

static auricle_status open(void *stage, const auricle_config *options, void **stream, auricle_reply *reply) {
    const char *words = options->text(options, "words");
    struct replacer *replacer = malloc(sizeof *replacer);
    (void)stage;
    if (!words) words = "";
    if (replacer) replacer->words = malloc(strlen(words) + 1);
    if (!replacer || !replacer->words) {
        free(replacer);
        return auricle_fail(reply, AURICLE_ERROR_CAPACITY, "out of memory");
    }
    strcpy(replacer->words, words);
    *stream = replacer;
    return AURICLE_OK;
}

static void close(void *stream) {
    struct replacer *replacer = stream;
    free(replacer->words);
    free(replacer);
}
/* ANCHOR_END: stage */

/* ANCHOR: stream */
static auricle_status init(void *stream, uint64_t offset, auricle_reply *reply) {
    (void)stream, (void)offset, (void)reply;
    return AURICLE_OK;
}

static auricle_status event(void *stream, const auricle_event *event, auricle_stage_sink *sink, auricle_reply *reply) {
    const struct replacer *replacer = stream;
    /* Other events pass, and so do those of later versions. */
    if (event->kind != AURICLE_EVENT_PARTIAL && event->kind != AURICLE_EVENT_SEGMENT) {
        sink->event(sink, event);
        return AURICLE_OK;
    }
    auricle_event changed;
    auricle_segment segment;
    AURICLE_COPY(&changed, event);
    AURICLE_COPY(&segment, event->segment);
    auricle_word *words = calloc(segment.word_count + 1, sizeof *words);
    char *text = replaced(replacer->words, segment.text);
    int complete = words && text;
    for (size_t i = 0; words && i < segment.word_count; i++) {
        words[i] = *(const auricle_word *)(const void *)((const char *)segment.words + i * segment.word_size);
        words[i].text = replaced(replacer->words, words[i].text);
        complete = complete && words[i].text;
    }
    if (complete) {
        segment.text = text;
        segment.words = words;
        segment.word_size = sizeof *words;
        changed.segment = &segment;
        sink->event(sink, &changed);
    }
    for (size_t i = 0; words && i < segment.word_count; i++) free((void *)(uintptr_t)words[i].text);
    free(words);
    free(text);
    return complete ? AURICLE_OK : auricle_fail(reply, AURICLE_ERROR_OTHER, "out of memory");
}
/* ANCHOR_END: stream */

/* ANCHOR: table */
static const auricle_stage stage = {
    .size = sizeof stage,
    .name = "my-engine",
    .schema = "{\"properties\": {\"words\": {\"type\": \"string\", \"default\": \"\", \"x-auricle-scope\": \"stream\","
              " \"description\": \"words, and what is written instead of them: ten=10 meters=m\"}}}",
    .load = load,
    .unload = unload,
    .metadata = metadata,
    .open = open,
    .close = close,
    .init = init,
    .event = event,
};
static const auricle_stage *const stages[] = {&stage};
static const auricle_plugin plugin = {.size = sizeof plugin, .stages = stages, .stage_count = 1};

const auricle_plugin *auricle_plugin_open(const auricle_host *host, auricle_reply *reply) {
    (void)host, (void)reply;
    return &plugin;
}

AURICLE_PLUGIN("my-engine", "0.1.0", "Replaces words in texts")
AURICLE_CLAIMS("{\"needs\": []}")
/* ANCHOR_END: table */
