/*
 * Preloaded into a host under valgrind. The host starts itself as /proc/self/exe, which valgrind would take for its own
 * program; it answers for the link itself as it should.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

typedef int spawn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[],
                  char *const[]);

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]) {
    char program[PATH_MAX];
    if (strcmp(file, "/proc/self/exe") == 0) {
        ssize_t length = readlink(file, program, sizeof program - 1);
        if (length > 0) {
            program[length] = 0;
            file = program;
        }
    }
    return ((spawn *)dlsym(RTLD_NEXT, "posix_spawnp"))(pid, file, actions, attributes, arguments, environment);
}
