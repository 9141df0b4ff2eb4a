/*
 * Linked into a host that is built with AddressSanitizer: the options it runs by. They cannot come by the environment, of
 * which a sandboxed worker gets next to nothing.
 */
const char *__asan_default_options(void) {
    return
        /* Libraries and models stay by design; and a sandbox refuses what looking for leaks takes. */
        "detect_leaks=0:"
        /* A program to look up names with could not be started from a sandbox either. */
        "symbolize=0:"
        /* The host gives its threads a signal stack of its own, which the sanitizer would unmap as if it were its own. */
        "use_sigaltstack=0:"
        "detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1";
}
