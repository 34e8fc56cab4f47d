/* A disk for SQLite that loses power: a VFS whose files are in memory, and which knows of each what
 * was synced and what was only written.
 *
 *      file   [ synced bytes ]  + writes since, in order        (what is read is both)
 *      death  after a number of operations every further one fails
 *      power  each write since the last sync is kept, lost, or kept in some of its sectors; files
 *             that were made or removed since any sync are there or not, all together
 *
 * As on a common file system, syncing any file also settles which files there are. Reads go on
 * working after the death, as they do from a cache. */
#ifndef SPEC_STORE_FAULTY_DISK_H
#define SPEC_STORE_FAULTY_DISK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define FAULTY_FILES  8
#define FAULTY_SECTOR 512

typedef struct {
    unsigned char *bytes;
    size_t len, room;
} faulty_image_t;

typedef struct {
    unsigned char *bytes; /* NULL: the file is cut or lengthened to `at` */
    size_t at, len;
} faulty_write_t;

typedef struct {
    char name[64];
    bool is_there, is_surely_there; /* now; after a loss of power */
    bool is_renewed;                /* removed since the last sync: begins empty */
    faulty_image_t now, synced;
    faulty_write_t *writes;
    size_t count, room;
} faulty_file_t;

typedef struct {
    sqlite3_vfs vfs;
    hy_random_t random;
    int64_t operations_left; /* -1: it does not die */
    uint64_t fails_one_in;   /* single operations, 0: none */
    bool is_dead;
    uint64_t operations, syncs;
    faulty_file_t files[FAULTY_FILES];
} faulty_disk_t;

typedef struct {
    sqlite3_file base; /* first */
    faulty_disk_t *disk;
    faulty_file_t *file;
    bool is_temporary;
} faulty_handle_t;

/* --- images ----------------------------------------------------------------------------------- */

static inline void faulty_resize(faulty_image_t *i, size_t len) {
    if (len > i->room) {
        i->room = 2 * len;
        i->bytes = realloc(i->bytes, i->room);
    }
    if (len > i->len) memset(i->bytes + i->len, 0, len - i->len);
    i->len = len;
}

static inline void faulty_apply(faulty_image_t *i, const faulty_write_t *w) {
    if (!w->bytes) {
        faulty_resize(i, w->at);
        return;
    }
    if (w->at + w->len > i->len) faulty_resize(i, w->at + w->len);
    memcpy(i->bytes + w->at, w->bytes, w->len);
}

/* Some sectors of it. */
static inline void faulty_tear(faulty_disk_t *d, faulty_image_t *i, const faulty_write_t *w) {
    for (size_t at = 0; at < w->len;) {
        size_t len = FAULTY_SECTOR - (w->at + at) % FAULTY_SECTOR;
        if (len > w->len - at) len = w->len - at;
        if (hy_random_below(&d->random, 2))
            faulty_apply(i, &(faulty_write_t){w->bytes + at, w->at + at, len});
        at += len;
    }
}

static inline void faulty_forget_writes(faulty_file_t *f) {
    for (size_t i = 0; i < f->count; i++)
        free(f->writes[i].bytes);
    f->count = 0;
}

static inline void faulty_add(faulty_file_t *f, const void *bytes, size_t at, size_t len) {
    if (f->count == f->room) {
        f->room = f->room ? 2 * f->room : 16;
        f->writes = realloc(f->writes, f->room * sizeof *f->writes);
    }
    faulty_write_t w = {bytes ? malloc(len) : NULL, at, len};
    if (bytes) memcpy(w.bytes, bytes, len);
    f->writes[f->count++] = w;
    faulty_apply(&f->now, &w);
}

/* --- files ------------------------------------------------------------------------------------ */

/* 0, or why this operation fails. */
static inline int faulty_step(faulty_disk_t *d, int code) {
    d->operations++;
    if (d->operations_left == 0) d->is_dead = true;
    if (d->operations_left > 0) d->operations_left--;
    if (d->is_dead) return code;
    if (d->fails_one_in && hy_random_below(&d->random, d->fails_one_in) == 0)
        return hy_random_below(&d->random, 2) ? code : SQLITE_FULL;
    return SQLITE_OK;
}

static inline faulty_disk_t *faulty_of(sqlite3_file *file, faulty_file_t **f) {
    *f = ((faulty_handle_t *)file)->file;
    return ((faulty_handle_t *)file)->disk;
}

static int faulty_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 at) {
    faulty_file_t *f;
    faulty_of(file, &f);
    size_t have = (size_t)at < f->now.len ? f->now.len - (size_t)at : 0;
    if (have > (size_t)len) have = (size_t)len;
    if (have) memcpy(bytes, f->now.bytes + at, have);
    if (have == (size_t)len) return SQLITE_OK;
    memset((char *)bytes + have, 0, (size_t)len - have);
    return SQLITE_IOERR_SHORT_READ;
}

/* The one that the power fails in may have reached the disk, or some of it. */
static int faulty_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at) {
    faulty_file_t *f;
    faulty_disk_t *d = faulty_of(file, &f);
    bool was_dead = d->is_dead;
    int rc = faulty_step(d, SQLITE_IOERR_WRITE);
    if (rc == SQLITE_OK || (!was_dead && hy_random_below(&d->random, 2)))
        faulty_add(f, bytes, (size_t)at, (size_t)len);
    return rc;
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 len) {
    faulty_file_t *f;
    int rc = faulty_step(faulty_of(file, &f), SQLITE_IOERR_TRUNCATE);
    if (rc == SQLITE_OK) faulty_add(f, NULL, (size_t)len, 0);
    return rc;
}

static void faulty_settle_files(faulty_disk_t *d) {
    for (size_t i = 0; i < FAULTY_FILES; i++) {
        faulty_file_t *f = &d->files[i];
        if (f->is_renewed || !f->is_there) f->synced.len = 0;
        f->is_renewed = false;
        f->is_surely_there = f->is_there;
    }
}

static int faulty_sync(sqlite3_file *file, int flags) {
    (void)flags;
    faulty_file_t *f;
    faulty_disk_t *d = faulty_of(file, &f);
    int rc = faulty_step(d, SQLITE_IOERR_FSYNC);
    if (rc != SQLITE_OK) return rc;
    d->syncs++;
    faulty_settle_files(d);
    for (size_t i = 0; i < f->count; i++)
        faulty_apply(&f->synced, &f->writes[i]);
    faulty_forget_writes(f);
    return SQLITE_OK;
}

static int faulty_size(sqlite3_file *file, sqlite3_int64 *out) {
    faulty_file_t *f;
    faulty_of(file, &f);
    *out = (sqlite3_int64)f->now.len;
    return SQLITE_OK;
}

static int faulty_lock(sqlite3_file *file, int level) {
    (void)file, (void)level;
    return SQLITE_OK;
}
static int faulty_check_lock(sqlite3_file *file, int *out) {
    (void)file;
    *out = 0;
    return SQLITE_OK;
}
static int faulty_control(sqlite3_file *file, int what, void *arg) {
    (void)file, (void)what, (void)arg;
    return SQLITE_NOTFOUND;
}
static int faulty_sector(sqlite3_file *file) {
    (void)file;
    return FAULTY_SECTOR;
}
static int faulty_character(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as SQLite takes files to be */
}

static void faulty_remove(faulty_file_t *f) {
    faulty_forget_writes(f);
    f->now.len = 0;
    f->is_there = false;
    f->is_renewed = true;
}

static int faulty_close(sqlite3_file *file) {
    faulty_file_t *f;
    faulty_of(file, &f);
    if (((faulty_handle_t *)file)->is_temporary) faulty_remove(f);
    return SQLITE_OK;
}

static const sqlite3_io_methods faulty_methods = {
    1,
    faulty_close,
    faulty_read,
    faulty_write,
    faulty_truncate,
    faulty_sync,
    faulty_size,
    faulty_lock,
    faulty_lock,
    faulty_check_lock,
    faulty_control,
    faulty_sector,
    faulty_character,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
};

/* --- the VFS ---------------------------------------------------------------------------------- */

static faulty_file_t *faulty_find(faulty_disk_t *d, const char *name) {
    for (size_t i = 0; i < FAULTY_FILES; i++)
        if (strcmp(d->files[i].name, name) == 0) return &d->files[i];
    return NULL;
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                       int *out_flags) {
    faulty_disk_t *d = vfs->pAppData;
    faulty_handle_t *h = (faulty_handle_t *)file;
    *h = (faulty_handle_t){.disk = d, .is_temporary = name == NULL};
    h->file = faulty_find(d, name ? name : "temporary");
    if (!h->file) h->file = faulty_find(d, ""); /* a free place */
    if (!h->file) return SQLITE_CANTOPEN;
    if (!h->file->is_there) {
        int rc = flags & SQLITE_OPEN_CREATE ? faulty_step(d, SQLITE_CANTOPEN) : SQLITE_CANTOPEN;
        if (rc != SQLITE_OK) return rc;
        snprintf(h->file->name, sizeof h->file->name, "%s", name ? name : "temporary");
        h->file->is_there = true;
    }
    if (out_flags) *out_flags = flags;
    file->pMethods = &faulty_methods;
    return SQLITE_OK;
}

static int faulty_delete(sqlite3_vfs *vfs, const char *name, int is_synced) {
    faulty_disk_t *d = vfs->pAppData;
    faulty_file_t *f = faulty_find(d, name);
    if (!f || !f->is_there) return SQLITE_IOERR_DELETE_NOENT;
    int rc = faulty_step(d, SQLITE_IOERR_DELETE);
    if (rc != SQLITE_OK) return rc;
    faulty_remove(f);
    if (is_synced) faulty_settle_files(d);
    return SQLITE_OK;
}

static int faulty_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    (void)flags;
    faulty_file_t *f = faulty_find(vfs->pAppData, name);
    *out = f && f->is_there;
    return SQLITE_OK;
}

static int faulty_full_name(sqlite3_vfs *vfs, const char *name, int len, char *out) {
    (void)vfs;
    snprintf(out, (size_t)len, "%s", name);
    return SQLITE_OK;
}

static int faulty_randomness(sqlite3_vfs *vfs, int len, char *out) {
    faulty_disk_t *d = vfs->pAppData;
    d->random.fill(&d->random, out, (size_t)len);
    return len;
}
static int faulty_sleep(sqlite3_vfs *vfs, int us) {
    (void)vfs;
    return us;
}
static int faulty_time(sqlite3_vfs *vfs, double *out) {
    (void)vfs;
    *out = 2460000.5;
    return SQLITE_OK;
}
static int faulty_last_error(sqlite3_vfs *vfs, int len, char *out) {
    (void)vfs, (void)len, (void)out;
    return 0;
}

/* Registered under that name until it is removed. SQLite's own dice are seeded too. */
static inline void faulty_disk_make(faulty_disk_t *d, const char *name, uint64_t seed) {
    memset(d, 0, sizeof *d);
    hy_random_seed(&d->random, seed);
    d->operations_left = -1;
    d->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = sizeof(faulty_handle_t),
        .mxPathname = 60,
        .zName = name,
        .pAppData = d,
        .xOpen = faulty_open,
        .xDelete = faulty_delete,
        .xAccess = faulty_access,
        .xFullPathname = faulty_full_name,
        .xRandomness = faulty_randomness,
        .xSleep = faulty_sleep,
        .xCurrentTime = faulty_time,
        .xGetLastError = faulty_last_error,
    };
    sqlite3_vfs_register(&d->vfs, 0);
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)(seed % 1000000) + 1, NULL);
}

static inline void faulty_disk_remove(faulty_disk_t *d) {
    sqlite3_vfs_unregister(&d->vfs);
    for (size_t i = 0; i < FAULTY_FILES; i++) {
        faulty_forget_writes(&d->files[i]);
        free(d->files[i].writes);
        free(d->files[i].now.bytes);
        free(d->files[i].synced.bytes);
    }
}

static inline void faulty_disk_revive(faulty_disk_t *d) {
    d->is_dead = false;
    d->operations_left = -1;
}

/* With no file open. */
static inline void faulty_disk_lose_power(faulty_disk_t *d) {
    bool is_settled = hy_random_below(&d->random, 2);
    for (size_t i = 0; i < FAULTY_FILES; i++) {
        faulty_file_t *f = &d->files[i];
        bool is_new = is_settled && (f->is_renewed || !f->is_there);
        bool is_old = !is_settled && f->is_renewed; /* as it was before it was removed */
        if (is_new) f->synced.len = 0;
        for (size_t k = 0; k < f->count && !is_old; k++) {
            switch (hy_random_below(&d->random, 3)) {
            case 0:
                break;
            case 1:
                faulty_tear(d, &f->synced, &f->writes[k]);
                break;
            default:
                faulty_apply(&f->synced, &f->writes[k]);
            }
        }
        faulty_forget_writes(f);
        f->is_there = f->is_surely_there = is_settled ? f->is_there : f->is_surely_there;
        f->is_renewed = false;
        if (!f->is_there) f->synced.len = 0;
        f->now.len = 0;
        faulty_resize(&f->now, f->synced.len);
        if (f->synced.len) memcpy(f->now.bytes, f->synced.bytes, f->synced.len);
    }
}

#endif
