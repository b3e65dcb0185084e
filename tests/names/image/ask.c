/* ask.py's questions and answers by the C library that this is linked with: musl's. */

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MOST 256

/* musl does not tell a name that is none from one without data of this kind. */
static const char *reason(int error) {
    return error == EAI_NONAME ? "NONE" : "FAILED";
}

static int by_text(const void *one, const void *other) {
    return strcmp(one, other);
}

static void reverse(const char *address) {
    struct sockaddr_in place = {.sin_family = AF_INET};
    char name[NI_MAXHOST];
    inet_pton(AF_INET, address, &place.sin_addr);
    int error = getnameinfo((struct sockaddr *)&place, sizeof place, name, sizeof name, NULL, 0, NI_NAMEREQD);
    puts(error ? reason(error) : name);
}

static void forward(const char *name, int family) {
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *rows;
    char texts[MOST][INET6_ADDRSTRLEN];
    int count = 0;
    int error = getaddrinfo(name, NULL, &hints, &rows);
    if (error) {
        puts(reason(error));
        return;
    }
    for (struct addrinfo *row = rows; row && count < MOST; row = row->ai_next)
        getnameinfo(row->ai_addr, row->ai_addrlen, texts[count++], sizeof texts[0], NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(rows);
    qsort(texts, count, sizeof texts[0], by_text);
    for (int at = 0; at < count; at++)
        if (at == 0 || strcmp(texts[at], texts[at - 1]))
            printf(at ? "\t%s" : "%s", texts[at]);
    puts("");
}

int main(void) {
    char kind[16], name[1024];
    while (scanf("%15s %1023s", kind, name) == 2) {
        if (!strcmp(kind, "PTR"))
            reverse(name);
        else
            forward(name, strcmp(kind, "AAAA") ? AF_INET : AF_INET6);
        fflush(stdout);
    }
    return 0;
}
