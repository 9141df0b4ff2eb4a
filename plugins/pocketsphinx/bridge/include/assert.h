/* Found before the system's <assert.h>: a failed assertion of PocketSphinx ends the call, not the process. */
#include "../bridge.h"
#undef assert
#define assert(condition) ((condition) ? (void)0 : auricle_ps_fail("assertion failed: " #condition))
