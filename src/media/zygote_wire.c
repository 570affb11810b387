#include "media/zygote_wire.h"

#include <string.h>
#include <sys/socket.h>

bool zygote_order_send(int to, const struct zygote_order *order, int socket, int input)
{
    struct zygote_order sent = *order; /* sendmsg(2) wants it without const */
    struct iovec part = {.iov_base = &sent, .iov_len = sizeof sent};
    const int files[ZYGOTE_FILES_MAX] = {socket, input};
    size_t bytes = (input >= 0 ? 2 : 1) * sizeof files[0];
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof files)];
    } control = {.room = {0}};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(header), files, bytes);
    return sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof sent;
}
