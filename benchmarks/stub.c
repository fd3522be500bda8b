/* A server on loopback that answers every request alike: what is measured is the client.
 *
 *     cc -O2 -o stub stub.c && ./stub MILLISECONDS
 *
 * prints its port, then answers until its standard input ends. Each request is answered so many milliseconds after
 * its last byte: POST with 202 and the headers of InvokeEndpointAsync, everything else with 200. One thread, epoll;
 * since all answers are equally late, a queue keeps them in order. No pipelining, which no client here does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 4096, REQUEST_BYTES = 1 << 20, HEAD_BYTES = 1 << 14 };

struct connection {
    char head[HEAD_BYTES];
    size_t used;    /* bytes of the head read so far */
    long missing;   /* bytes of the body that are still to come; -1 while the head isn't whole */
    int is_post;
};

static struct connection *connections[MOST_CONNECTIONS];
static char scratch[REQUEST_BYTES];

struct due { double at; int fd; int is_post; };
static struct due dues[MOST_CONNECTIONS];
static unsigned first_due, end_due;

static const char ACCEPTED[] =
    "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nx-amzn-RequestId: 6a5ef09e-0000-4000-8000-000000000000\r\n"
    "X-Amzn-SageMaker-OutputLocation: s3://output/async/output.json\r\n"
    "X-Amzn-SageMaker-FailureLocation: s3://output/async/failure.json\r\n"
    "Content-Length: 29\r\n\r\n{\"InferenceId\":\"fanfold-one\"}";
static const char OK[] = "HTTP/1.1 200 OK\r\nETag: \"9b74c9897bac770ffc029102a200c5de\"\r\nContent-Length: 0\r\n\r\n";

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void answer(int fd, int is_post) {
    const char *text = is_post ? ACCEPTED : OK;
    if (write(fd, text, is_post ? sizeof ACCEPTED - 1 : sizeof OK - 1) < 0) close(fd);
}

static long content_length(const char *head) {
    const char *field = strcasestr(head, "\r\ncontent-length:");
    return field ? atol(field + 17) : 0;
}

/* Takes what has arrived; 1 when a request is whole. */
static int take(struct connection *c, const char *data, size_t size) {
    if (c->missing < 0) {
        size_t room = HEAD_BYTES - 1 - c->used, part = size < room ? size : room;
        memcpy(c->head + c->used, data, part);
        c->used += part;
        c->head[c->used] = 0;
        char *end = strstr(c->head, "\r\n\r\n");
        if (!end) return 0;
        size_t head = end + 4 - c->head, before = c->used - part;
        end[2] = 0;
        c->is_post = !strncmp(c->head, "POST", 4);
        c->missing = content_length(c->head);
        size -= head - before;
    }
    c->missing -= (long)size;
    if (c->missing > 0) return 0;
    c->used = 0;
    c->missing = -1;
    return 1;
}

int main(int count, char **arguments) {
    double latency = count > 1 ? atof(arguments[1]) / 1000 : 0;
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1024)) return perror("stub"), 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &(struct epoll_event){EPOLLIN, {.fd = listener}});
    epoll_ctl(poll, EPOLL_CTL_ADD, 0, &(struct epoll_event){EPOLLIN, {.fd = 0}});
    for (;;) {
        struct epoll_event events[256];
        double wait = first_due == end_due ? 1 : dues[first_due % MOST_CONNECTIONS].at - now();
        int ready = epoll_wait(poll, events, 256, wait > 0 ? (int)(wait * 1000 + 0.999) : 0);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == 0) {
                if (read(0, scratch, sizeof scratch) <= 0) return 0;
            } else if (fd == listener) {
                int client = accept4(listener, 0, 0, SOCK_NONBLOCK);
                if (client < 0 || client >= MOST_CONNECTIONS) { close(client); continue; }
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                if (!connections[client]) connections[client] = malloc(sizeof(struct connection));
                connections[client]->used = 0;
                connections[client]->missing = -1;
                epoll_ctl(poll, EPOLL_CTL_ADD, client, &(struct epoll_event){EPOLLIN, {.fd = client}});
            } else {
                ssize_t size = read(fd, scratch, sizeof scratch);
                if (size <= 0) { close(fd); continue; }
                struct connection *c = connections[fd];
                if (!take(c, scratch, size)) {
                    /* boto3 sends the body of a PUT only once it is asked to */
                    if (c->missing > 0 && strcasestr(c->head, "expect: 100-continue") && c->used) {
                        c->used = 0;
                        if (write(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25) < 0) close(fd);
                    }
                    continue;
                }
                if (latency > 0) dues[end_due++ % MOST_CONNECTIONS] = (struct due){now() + latency, fd, c->is_post};
                else answer(fd, c->is_post);
            }
        }
        for (; first_due != end_due && dues[first_due % MOST_CONNECTIONS].at <= now(); first_due++)
            answer(dues[first_due % MOST_CONNECTIONS].fd, dues[first_due % MOST_CONNECTIONS].is_post);
    }
}
