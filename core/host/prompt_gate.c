/* Where clients of a host's prompts come in: a Unix socket that is for one user alone.
 *
 * Three things keep others out: the mode of the file, set before there is one; the folder that it
 * is in, which is its caller's business; and the kernel's word on who connects. The socket listens
 * before it has its name, so that whoever finds the name finds somebody there: a name that nobody
 * answers on is one that a dead process has left. */
#define _GNU_SOURCE /* accept4, ucred */
#include "prompts_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "prompt_queue.h"

#define SOCKET_MODE 0600

static const char TOO_LONG[] = "the path is too long for a socket; choose a shorter one";

/* --- letting in ------------------------------------------------------------------------------- */

/* The last words to one who is not let in; it has read nothing yet, so they fit. */
void hy__prompt_refuse(int fd, const char *why) {
    hy_prompt_queue_t q;
    hy_prompt_queue_init(&q);
    hy_prompt_queue_add(&q, (hy_prompt_frame_t){.is = "end"}, why, strlen(why));
    hy_prompt_queue_write(&q, fd);
    hy_prompt_queue_deinit(&q);
}

static void admit(hy__prompt_gate_t *g, int fd) {
    const hy_prompts_config_t *config = hy__prompts_config(g->prompts);
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid()) {
        hy__prompts_admit(g->prompts, fd, peer.pid);
        return;
    }
    hy__prompt_refuse(fd, "this host belongs to another user");
    close(fd);
    hy_log(config->log, HY_LOG_WARN, "attach", "a process of another user was turned away");
}

static void pause_gate(hy__prompt_gate_t *g, int code) {
    const hy_prompts_config_t *config = hy__prompts_config(g->prompts);
    hy_log(config->log, HY_LOG_WARN, "attach", "nobody is let in for now: %s", strerror(code));
    int rc = hy_timer_start(hy_loop_clock(config->loop), &g->pause, HY_GATE_TICK_MS);
    if (rc == 0) hy_poll_watch(g->poll, 0);
}

static void on_pause_over(void *arg) {
    const hy__prompt_gate_t *g = arg;
    hy_poll_watch(g->poll, HY_POLL_READABLE);
}

static void on_connection(void *arg, int events) {
    hy__prompt_gate_t *g = arg;
    (void)events; /* an error shows when accepting */
    int fd = accept4(g->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        admit(g, fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        pause_gate(g, errno);
    }
}

/* --- the file --------------------------------------------------------------------------------- */

static int fail(hy_error_t *err, int rc, const char *path, const char *why) {
    return hy_fail(err, rc, "cannot listen on %s: %s", path, why);
}

static bool set_path(struct sockaddr_un *address, const char *path) {
    size_t len = strlen(path);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len == 0 || len >= sizeof address->sun_path) return false;
    memcpy(address->sun_path, path, len + 1);
    return true;
}

static bool is_answered(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return true; /* not known: better not to take it away from anybody */
    int rc = connect(fd, (const struct sockaddr *)address, sizeof *address);
    bool is_refused = rc != 0 && (errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
    return !is_refused;
}

/* Whether the name is free, or what has it is a socket that nobody answers on. */
static int check_path(const char *path, hy_error_t *err) {
    struct sockaddr_un address;
    struct stat at;
    if (lstat(path, &at) != 0)
        return errno == ENOENT ? 0 : fail(err, -errno, path, strerror(errno));
    if (!S_ISSOCK(at.st_mode))
        return fail(err, HY_ECONFLICT, path, "there is a file that is no socket; remove it");
    if (!set_path(&address, path) || is_answered(&address))
        return fail(err, HY_ECONFLICT, path, "it is in use by another process; choose another");
    return 0;
}

/* Binds it to a name beside the one that it gets. */
static int bind_beside(const hy__prompt_gate_t *g, const char *beside, const char *path,
                       hy_error_t *err) {
    struct sockaddr_un address;
    if (!set_path(&address, beside)) return fail(err, HY_ETOO_LARGE, path, TOO_LONG);
    unlink(beside);
    fchmod(g->fd, SOCKET_MODE);
    int rc = bind(g->fd, (const struct sockaddr *)&address, sizeof address);
    if (rc == 0) rc = chmod(beside, SOCKET_MODE);
    if (rc == 0) rc = listen(g->fd, HY_PROMPT_BACKLOG);
    return rc ? fail(err, -errno, path, strerror(errno)) : 0;
}

static int take_name(hy__prompt_gate_t *g, const char *path, hy_error_t *err) {
    char beside[sizeof((struct sockaddr_un *)NULL)->sun_path + 16];
    struct stat at;
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    snprintf(beside, sizeof beside, "%.*s.%ld", folder, path, (long)getpid());
    struct sockaddr_un address;
    int rc =
        set_path(&address, path) ? check_path(path, err) : fail(err, HY_ETOO_LARGE, path, TOO_LONG);
    if (!rc) rc = bind_beside(g, beside, path, err);
    if (rc) return rc;
    if (lstat(beside, &at) != 0 || rename(beside, path) != 0) {
        rc = fail(err, -errno, path, strerror(errno));
    }
    if (rc) {
        unlink(beside);
        return rc;
    }
    g->device = at.st_dev;
    g->inode = at.st_ino;
    g->path = hy_str_from(path);
    if (g->path) return 0;
    unlink(path);
    return fail(err, HY_ENOMEM, path, hy_error_text(HY_ENOMEM));
}

/* --- opening and closing ---------------------------------------------------------------------- */

void hy__prompt_gate_init(hy__prompt_gate_t *g, hy_prompts_t *ps) {
    *g = (hy__prompt_gate_t){.prompts = ps, .fd = -1};
    hy_timer_init(&g->pause, on_pause_over, g);
}

int hy__prompt_gate_open(hy__prompt_gate_t *g, const char *path, hy_error_t *err) {
    g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (g->fd < 0) return fail(err, -errno, path, strerror(errno));
    int rc = take_name(g, path, err);
    if (!rc) {
        hy_loop_t *loop = hy__prompts_config(g->prompts)->loop;
        rc = hy_poll_open(loop, g->fd, on_connection, g, &g->poll);
        if (!rc) rc = hy_poll_watch(g->poll, HY_POLL_READABLE);
        if (rc) fail(err, rc, path, hy_loop_error_text(rc));
    }
    if (rc) hy__prompt_gate_close(g);
    return rc;
}

void hy__prompt_gate_close(hy__prompt_gate_t *g) {
    struct stat at;
    hy_timer_stop(hy_loop_clock(hy__prompts_config(g->prompts)->loop), &g->pause);
    hy_poll_close(g->poll, NULL);
    g->poll = NULL;
    if (g->path && lstat(g->path->bytes, &at) == 0 && at.st_dev == g->device &&
        at.st_ino == g->inode) {
        unlink(g->path->bytes);
    }
    hy_str_unref(g->path);
    g->path = NULL;
    if (g->fd >= 0) close(g->fd);
    g->fd = -1;
}
