/* Seen by every C file of PocketSphinx before its first line: where upstream would end the process, it now ends the
 * call instead. bridge.c says how. */
#ifndef AURICLE_POCKETSPHINX_BRIDGE_H
#define AURICLE_POCKETSPHINX_BRIDGE_H

#include <stdlib.h>

#if defined(_MSC_VER)
__declspec(noreturn)
#else
__attribute__((noreturn))
#endif
void auricle_ps_fail(const char *what);

#define exit(status) auricle_ps_fail("exit(" #status ")")
#define abort() auricle_ps_fail("abort()")

#endif
