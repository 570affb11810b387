#include "worker/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char message[] = "READY=1";

bool notify_ready(struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path != NULL ? strlen(path) : 0;
    int fd;
    bool sent;

    if (length == 0)
        return true;
    if ((path[0] != '/' && path[0] != '@') || length >= sizeof address.sun_path)
        return err_set(err, ERR_INPUT, "NOTIFY_SOCKET: %.120s is not a socket's path", path);
    memcpy(address.sun_path, path, length);
    /* An @ stands for the zero byte that an abstract socket's name begins with. */
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_DOWN, "NOTIFY_SOCKET: %s", strerror(errno));
    sent = sendto(fd, message, sizeof message - 1, MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) >= 0;
    if (!sent)
        err_set(err, ERR_DOWN, "NOTIFY_SOCKET: %s", strerror(errno));
    close(fd);
    return sent;
}
