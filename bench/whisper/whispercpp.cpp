// whisper.cpp for the benchmark `whisper`: decodes a window again and again, and tells how long each phase took.
//
//     whispercpp MODEL.bin FEATURES.f32 THREADS FLASH PROMPT END
//
// FEATURES are [bins, frames] of a whole window, FLASH is 1 or 0, PROMPT the tokens before the first decoded one, with commas
// between them; END is never decoded. Says what it is when the model is loaded; then, for a line `N` of standard input, runs
// the encoder and decodes N tokens, the likeliest each time, and answers with a line of JSON.
//
// `whisper_full` does more for each token than this; what is timed here is the least that a program can do with the library.

#include "whisper.h"

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begun) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

[[noreturn]] void fail(const std::string & problem) {
    std::fprintf(stderr, "whispercpp: %s\n", problem.c_str());
    std::exit(1);
}

std::vector<float> read_features(const std::string & file) {
    std::ifstream stream(file, std::ios::binary | std::ios::ate);
    if (!stream) fail("cannot open " + file);
    std::vector<float> features(static_cast<size_t>(stream.tellg()) / sizeof(float));
    stream.seekg(0);
    stream.read(reinterpret_cast<char *>(features.data()), static_cast<std::streamsize>(features.size() * sizeof(float)));
    if (!stream) fail("cannot read " + file);
    return features;
}

std::vector<whisper_token> read_tokens(const std::string & list) {
    std::vector<whisper_token> tokens;
    std::istringstream stream(list);
    for (std::string number; std::getline(stream, number, ',');) tokens.push_back(std::stoi(number));
    if (tokens.empty()) fail("PROMPT has no tokens");
    return tokens;
}

// The likeliest token but `end` after a call with so many tokens: each has its row of logits.
whisper_token best(whisper_context * context, int tokens, whisper_token end) {
    const int size = whisper_n_vocab(context);
    const float * logits = whisper_get_logits(context) + static_cast<ptrdiff_t>(tokens - 1) * size;
    whisper_token found = end == 0 ? 1 : 0;
    for (whisper_token token = found; token < size; ++token) {
        if (token != end && logits[token] > logits[found]) found = token;
    }
    return found;
}

void decode(whisper_context * context, int threads, const std::vector<whisper_token> & prompt, whisper_token end, int count) {
    auto begun = Clock::now();
    if (whisper_encode(context, 0, threads) != 0) fail("the encoder failed");
    const double encoder = milliseconds_since(begun);

    begun = Clock::now();
    int past = static_cast<int>(prompt.size());
    if (whisper_decode(context, prompt.data(), past, 0, threads) != 0) fail("the decoder failed");
    std::vector<whisper_token> said = {best(context, past, end)};
    const double first = milliseconds_since(begun);

    begun = Clock::now();
    while (static_cast<int>(said.size()) < count) {
        if (whisper_decode(context, &said.back(), 1, past++, threads) != 0) fail("the decoder failed");
        said.push_back(best(context, 1, end));
    }
    const double rest = milliseconds_since(begun);

    std::printf("{\"encoder_ms\":%.4f,\"prompt_ms\":%.4f,\"tokens_ms\":%.4f,\"tokens\":[", encoder, first, rest);
    for (size_t at = 0; at < said.size(); ++at) std::printf(at == 0 ? "%d" : ",%d", said[at]);
    std::printf("]}\n");
    std::fflush(stdout);
}

void only_problems(ggml_log_level level, const char * text, void *) {
    if (level == GGML_LOG_LEVEL_ERROR || level == GGML_LOG_LEVEL_WARN) std::fputs(text, stderr);
}

} // namespace

int main(int argc, char ** argv) {
    if (argc != 7) fail("wanted: MODEL.bin FEATURES.f32 THREADS FLASH PROMPT END");
    const std::vector<float> features = read_features(argv[2]);
    const int threads = std::stoi(argv[3]);
    const std::vector<whisper_token> prompt = read_tokens(argv[5]);
    const whisper_token end = std::stoi(argv[6]);

    whisper_log_set(only_problems, nullptr);
    whisper_context_params params = whisper_context_default_params();
    params.use_gpu = false;
    params.flash_attn = std::string(argv[4]) == "1";
    whisper_context * context = whisper_init_from_file_with_params(argv[1], params);
    if (context == nullptr) fail(std::string("cannot load ") + argv[1]);

    const int bins = whisper_model_n_mels(context);
    if (whisper_set_mel(context, features.data(), static_cast<int>(features.size()) / bins, bins) != 0) fail("wrong features");
    std::printf("\"whisper.cpp %s\"\n", whisper_version());
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) decode(context, threads, prompt, end, std::stoi(line));
    whisper_free(context);
    return 0;
}
