/* Time, latencies, and what the kernel knows of processes. Latencies are kept as counts in buckets,
 * so that millions cost no memory; a bucket is 1/64 wide. */
#include "load.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* --- Latencies -------------------------------------------------------------------------------- */

void latencies_add(latencies_t *h, uint64_t ns) {
    unsigned bucket = (unsigned)ns;
    if (ns >= 64) {
        unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
        bucket = (shift + 1) * 64 + (unsigned)((ns >> shift) & 63);
    }
    h->buckets[bucket]++;
    h->count++;
}

double latencies_us(const latencies_t *h, double part) {
    uint64_t rank = (uint64_t)((double)h->count * part), seen = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen <= rank || !h->buckets[i]) continue;
        if (i < 64) return i / 1e3;
        unsigned shift = i / 64 - 1;
        return ((double)(64 + i % 64) + 0.5) * (double)(1ull << shift) / 1e3;
    }
    return 0;
}

/* --- Processes -------------------------------------------------------------------------------- */

static double server_cpu_s(int server) {
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", server);
    FILE *f = server ? fopen(path, "r") : NULL;
    if (!f) return 0;
    unsigned long user = 0, kernel = 0;
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = 0;
    char *name_end = strrchr(line, ')'); /* the name may hold blanks */
    if (name_end)
        sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &kernel);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

moment_t moment(int server) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double own = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    return (moment_t){.ns = now_ns(), .server_s = server_cpu_s(server), .own_s = own};
}

long memory_kib(int server, const char *name) {
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", server);
    FILE *f = server ? fopen(path, "r") : NULL;
    while (f && kib < 0 && fgets(line, sizeof line, f)) {
        size_t len = strlen(name);
        if (!strncmp(line, name, len) && line[len] == ':') kib = strtol(line + len + 1, NULL, 10);
    }
    if (f) fclose(f);
    return kib;
}
