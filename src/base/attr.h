#ifndef MAYFLY_BASE_ATTR_H
#define MAYFLY_BASE_ATTR_H

/* Attributes by which the compiler checks callers; gcc and clang know both. */
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))

#endif
