/* Seen by every C file of PocketSphinx before its first line: where upstream would end the process, it now ends the
 * call instead; and a file that it opens to read begins after its byte order mark. bridge.c says how. */
#ifndef AURICLE_POCKETSPHINX_BRIDGE_H
#define AURICLE_POCKETSPHINX_BRIDGE_H

#include <stdio.h>
#include <stdlib.h>

#if defined(_MSC_VER)
__declspec(noreturn)
#else
__attribute__((noreturn))
#endif
void auricle_ps_fail(const char *what);

FILE *auricle_ps_fopen(const char *path, const char *mode);

#define fopen auricle_ps_fopen
#define exit(status) auricle_ps_fail("exit(" #status ")")
#define abort() auricle_ps_fail("abort()")

#endif
