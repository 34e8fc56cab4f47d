/* attach: a prompt on a host that somebody else has started. Finds its socket, sees whether it is
 * this user's, and hands it to the client (prompt_client.c). */
#define _GNU_SOURCE /* ucred */
#include "attach_paths.h"
#include "commands.h"
#include "prompt_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LIST_MAX 256

typedef struct {
    hy_attach_entry_t list[LIST_MAX];
    int count;
} hosts_t;

static int fail(const char *what, const char *why) {
    fprintf(stderr, "hyperty: attach: %s%s%s\n", what, *why ? ": " : "", why);
    return HY_EXIT_FAILED;
}

static void print_hosts(const hosts_t *hosts) {
    for (int i = 0; i < hosts->count; i++) {
        const hy_attach_entry_t *e = &hosts->list[i];
        fprintf(stderr, "  %7ld  %-5s %s\n", (long)e->pid, e->kind, e->label);
    }
}

/* --- which one -------------------------------------------------------------------------------- */

static bool is_wanted(const hy_attach_entry_t *e, const char *which) {
    const char *name = strrchr(e->path, '/') + 1;
    char pid[24];
    snprintf(pid, sizeof pid, "%ld", (long)e->pid);
    return strcmp(which, pid) == 0 || strcmp(which, name) == 0 || strcmp(which, e->label) == 0;
}

/* Leaves those that are meant: all, if nothing is said. */
static void keep_wanted(hosts_t *hosts, const char *which) {
    int count = 0;
    for (int i = 0; i < hosts->count; i++) {
        if (!which || is_wanted(&hosts->list[i], which)) hosts->list[count++] = hosts->list[i];
    }
    hosts->count = count;
}

/* The socket of the one that is meant into `path`; or an exit status, having told why not. */
static int choose(hosts_t *hosts, const char *which, const char **path) {
    hy_error_t err;
    hosts->count = hy_attach_list(hosts->list, LIST_MAX, &err);
    if (hosts->count < 0) return fail(err.text, "");
    hosts_t *all = malloc(sizeof *all);
    if (!all) return fail("out of memory", "");
    *all = *hosts;
    keep_wanted(hosts, which);
    int status = HY_EXIT_FAILED;
    if (hosts->count == 1) {
        *path = hosts->list[0].path;
        status = HY_EXIT_DONE;
    } else if (hosts->count > 1) {
        fail("several hosts are running; say which one: hyperty attach PID", "");
        print_hosts(hosts);
    } else if (all->count == 0) {
        fail(which ? which : "no host is running",
             which ? "there is no such host, and none is running"
                   : "start one with hyperty run, repl or node");
    } else {
        fail(which, "there is no such host; these are running");
        print_hosts(all);
    }
    free(all);
    return status;
}

/* --- connecting ------------------------------------------------------------------------------- */

static const char *reason(int code) {
    switch (code) {
    case ENOENT:
        return "there is no such socket; \"hyperty attach\" alone tells what runs";
    case ECONNREFUSED:
        return "nobody listens there; the host has ended without removing it";
    case EAGAIN:
        return "the host is too busy to take anybody; try again";
    case EACCES:
    case EPERM:
        return "it belongs to another user";
    default:
        return strerror(code);
    }
}

static int refuse(int fd, const char *path, const char *why) {
    if (fd >= 0) close(fd);
    fail(path, why);
    return -1;
}

/* A connected descriptor; or -1, having told why not. */
static int open_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat at;
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (strlen(path) >= sizeof address.sun_path)
        return refuse(-1, path, "the path is too long for a socket");
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (stat(path, &at) != 0) return refuse(-1, path, reason(errno));
    if (!S_ISSOCK(at.st_mode)) return refuse(-1, path, "that is no socket");
    if (at.st_uid != geteuid()) return refuse(-1, path, reason(EACCES));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return refuse(fd, path, reason(errno));
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.uid != geteuid())
        return refuse(fd, path, reason(EACCES));
    return fd;
}

static int attach(const hy_options_t *options, hosts_t *hosts) {
    const char *which = options->names.count ? options->names.items[0] : NULL;
    const char *path = which;
    if (!which || !strchr(which, '/')) {
        int status = choose(hosts, which, &path);
        if (status) return status;
    }
    hy_prompt_client_t client = {
        .command = "attach",
        .fd = open_socket(path),
        .code = options->given[HY_OPTION_CODE],
    };
    return client.fd < 0 ? HY_EXIT_FAILED : hy_prompt_client_run(&client);
}

int hy_command_attach(const hy_options_t *options) {
    hosts_t *hosts = malloc(sizeof *hosts);
    if (!hosts) return fail("out of memory", "");
    int status = attach(options, hosts);
    free(hosts);
    return status;
}
