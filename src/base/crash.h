/* Named points at which the chaos tests end a process as a power cut would: MAYFLY_CRASH="point:N" is its Nth passage. */
#ifndef MAYFLY_BASE_CRASH_H
#define MAYFLY_BASE_CRASH_H

/* What to call at each point; NULL, and so no cost, unless the environment asks for it. */
void (*crash_point(void))(const char *name);

#endif
