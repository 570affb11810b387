/*
 * Named points at which the chaos tests end a process as a power cut would: MAYFLY_CRASH="point:N" ends it when it
 * passes the point for the Nth time.
 */
#ifndef MAYFLY_BASE_CRASH_H
#define MAYFLY_BASE_CRASH_H

/* The function to call at each point; NULL, which costs nothing, unless the environment asks for it. */
void (*crash_point(void))(const char *name);

#endif
