/* The calls that the engine makes into PocketSphinx.
 *
 * Invariant: none of them ends the process or prints. PocketSphinx calls exit() where it meets a file or a state it
 * cannot go on with (some 130 places) and abort() where memory runs out. bridge.h sends those, and failed assertions,
 * to auricle_ps_fail(), which jumps back into the bridge function that was called; that one returns -1. Only C frames lie
 * between the two. What the call had allocated is lost, and its decoder is in an unknown state: it must never be used
 * again, not even to free it.
 *
 * Threads: a decoder by one thread at a time; different decoders at once, except that of auricle_ps_open() one call at a
 * time is allowed: it parses numbers with a cache that is common to all. Messages and the place to jump to are the
 * calling thread's own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pocketsphinx.h>

#include "acmod.h"
#include "common_audio/vad/include/webrtc_vad.h"
#include "common_audio/vad/vad_core.h"
#include "feat/cmn.h"
#include "feat/feat.h"
#include "ngram_search.h"
#include "pocketsphinx_internal.h"
#include "ptm_mgau.h"
#include "util/cmd_ln.h"

#include "bridge.h"
#undef fopen
#undef exit
#undef abort

#if defined(_MSC_VER)
#define THREAD_LOCAL __declspec(thread)
#else
#define THREAD_LOCAL __thread
#endif

/* Where a failure in the current call goes on; NULL outside of calls that can fail. */
static THREAD_LOCAL jmp_buf *rescue;
/* What the current call complained of: the first thing, or the one that ended it. */
static THREAD_LOCAL char complaint[512];
static void (*log_line)(int level, const char *text);

/* fopen(), but what is read begins after the byte order mark of UTF-8. Upstream skips it in some of its text files only. No
 * binary file begins with these bytes. */
FILE *
auricle_ps_fopen(const char *path, const char *mode)
{
    char mark[3];
    FILE *file = fopen(path, mode);

    if (file == NULL || mode[0] != 'r')
        return file;
    if (fread(mark, 1, sizeof(mark), file) != sizeof(mark) || memcmp(mark, "\xef\xbb\xbf", sizeof(mark)) != 0)
        rewind(file);
    return file;
}

#define PROTECTED                \
    jmp_buf here;                \
    rescue = &here;              \
    if (setjmp(here) != 0) {     \
        rescue = NULL;           \
        return -1;               \
    }
#define DONE(result)             \
    do {                         \
        int returned = (result); \
        rescue = NULL;           \
        return returned;         \
    } while (0)

void auricle_ps_fail(const char *what) {
    if (complaint[0] == '\0')
        snprintf(complaint, sizeof complaint, "%s", what);
    if (rescue == NULL)
        abort(); /* not reached: every call that can fail is protected */
    longjmp(*rescue, 1);
}

static void take_message(void *unused, err_lvl_t level, const char *format, ...) {
    char text[sizeof complaint];
    va_list arguments;
    (void)unused;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    text[strcspn(text, "\r\n")] = '\0';
    if (level == ERR_FATAL || (level == ERR_ERROR && complaint[0] == '\0'))
        memcpy(complaint, text, sizeof complaint);
    if (log_line != NULL && text[0] != '\0')
        log_line((int)level, text);
}

/* Sends all messages to `log` from now on. To be called once, before anything else. */
void auricle_ps_log_to(void (*log)(int level, const char *text)) {
    log_line = log;
    err_set_callback(take_message, NULL);
}

/* What the last failed call of this thread complained of. */
const char *auricle_ps_complaint(void) { return complaint; }

/* A decoder of these settings: `arguments` are `count` names and values in turn. */
int auricle_ps_open(int count, char **arguments, ps_decoder_t **decoder) {
    complaint[0] = '\0';
    *decoder = NULL;
    PROTECTED
    ps_config_t *config = cmd_ln_parse_r(NULL, ps_args(), count, arguments, TRUE);
    if (config != NULL) {
        *decoder = ps_init(config);
        ps_config_free(config);
    }
    DONE(*decoder != NULL ? 0 : -1);
}

int auricle_ps_close(ps_decoder_t *decoder) {
    complaint[0] = '\0';
    PROTECTED
    ps_free(decoder);
    DONE(0);
}

/* Forgets which Gaussians scored best in the last frame of the utterance before: the search for the best begins with
 * them, which decides between equals. */
static void forget_best_gaussians(acmod_t *acmod) {
    ptm_mgau_t *scorer = (ptm_mgau_t *)acmod->mgau;
    int frame, codebook, feature, place;
    if (strcmp(acmod->mgau->vt->name, "ptm") != 0)
        return;
    for (frame = 0; frame < scorer->n_fast_hist; ++frame)
        for (codebook = 0; codebook < scorer->g->n_mgau; ++codebook)
            for (feature = 0; feature < scorer->g->n_feat; ++feature)
                for (place = 0; place < scorer->max_topn; ++place) {
                    ptm_topn_t *best = &scorer->hist[frame].topn[codebook][feature][place];
                    best->cw = place;
                    best->score = MAX_NEG_INT32;
                }
}

/* Begins an utterance that depends on nothing but its audio and the cepstral mean. */
int auricle_ps_start(ps_decoder_t *decoder) {
    complaint[0] = '\0';
    PROTECTED
    ps_start_stream(decoder); /* the noise estimate; -1 where the model uses none */
    forget_best_gaussians(decoder->acmod);
    DONE(ps_start_utt(decoder));
}

int auricle_ps_process(ps_decoder_t *decoder, const int16 *samples, size_t count) {
    complaint[0] = '\0';
    PROTECTED
    DONE(ps_process_raw(decoder, samples, count, FALSE, FALSE) < 0 ? -1 : 0);
}

int auricle_ps_end(ps_decoder_t *decoder) {
    complaint[0] = '\0';
    PROTECTED
    DONE(ps_end_utt(decoder));
}

struct auricle_ps_word {
    const char *text; /* the decoder's own, valid as long as it is */
    int first_frame, last_frame;
    double posterior; /* 1 within an utterance */
};

/* The words heard so far, or after the end of the utterance those of its best path; their number, at most `room`. */
int auricle_ps_words(ps_decoder_t *decoder, struct auricle_ps_word *words, int room) {
    complaint[0] = '\0';
    PROTECTED
    ngram_search_t *search = (ngram_search_t *)decoder->search;
    int best_path = search->bestpath, count = 0;
    ps_seg_t *segment = ps_seg_iter(decoder);
    if (segment == NULL && best_path && search->done) {
        /* No path through the lattice: what the search itself thought best. */
        search->bestpath = FALSE;
        segment = ps_seg_iter(decoder);
        search->bestpath = best_path;
    }
    for (; segment != NULL; segment = ps_seg_next(segment)) {
        struct auricle_ps_word *word;
        if (count == room) {
            ps_seg_free(segment);
            break;
        }
        word = &words[count++];
        word->text = ps_seg_word(segment);
        ps_seg_frames(segment, &word->first_frame, &word->last_frame);
        word->posterior = logmath_exp(ps_get_logmath(decoder), ps_seg_prob(segment, NULL, NULL, NULL));
    }
    DONE(count);
}

/* The cepstral mean, which must have `length` components. */
int auricle_ps_cmn(ps_decoder_t *decoder, float *mean, int length) {
    const cmn_t *live = decoder->acmod->fcb->cmn_struct;
    int i;
    complaint[0] = '\0';
    if (live == NULL || live->veclen != length) {
        snprintf(complaint, sizeof complaint, "the model's features have no mean of %d components", length);
        return -1;
    }
    for (i = 0; i < length; ++i)
        mean[i] = live->cmn_mean[i];
    return 0;
}

/* Sets the mean with the weight of 5 seconds of audio. `length` as above. */
int auricle_ps_set_cmn(ps_decoder_t *decoder, const float *mean, int length) {
    complaint[0] = '\0';
    PROTECTED
    if (decoder->acmod->fcb->cmn_struct->veclen != length)
        DONE(-1);
    cmn_live_set(decoder->acmod->fcb->cmn_struct, mean);
    DONE(0);
}

/* The voice detector is a plain struct without pointers: the caller holds its bytes. */
size_t auricle_ps_vad_size(void) { return sizeof(VadInstT); }

int auricle_ps_vad_init(void *detector, int mode) {
    complaint[0] = '\0';
    PROTECTED
    if (WebRtcVad_Init((VadInst *)detector) != 0)
        DONE(-1);
    DONE(WebRtcVad_set_mode((VadInst *)detector, mode));
}

/* 1 for speech, 0 for none, -1 where the bytes are no detector or the length is not 10, 20 or 30 ms at 16 kHz. */
int auricle_ps_vad_is_speech(void *detector, const int16 *samples, size_t count) {
    complaint[0] = '\0';
    PROTECTED
    DONE(WebRtcVad_Process((VadInst *)detector, 16000, samples, count));
}
