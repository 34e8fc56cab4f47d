/* The most that encrypting for sockets can give: what OpenSSL encrypts in a second of CPU time, and
 * what is left of that when each record is sent by TCP over loopback as well, with no TLS, no
 * protocol and no node in between. Pinned by who starts it; the reader is a process on the core
 * given, and throws all away.
 *
 *   ceiling READER_CORE SECONDS      prints "encrypted BYTES_PER_CPU_S" and "sent BYTES_PER_CPU_S"
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS   100
#define RECORD_BYTES  16384
#define HEAD_BYTES    5
#define TAG_BYTES     16
#define WRITE_RECORDS 8 /* as many as the node encrypts before it sends */
#define WIRE_BYTES    (HEAD_BYTES + RECORD_BYTES + TAG_BYTES)

static unsigned char text[WRITE_RECORDS * RECORD_BYTES], wire[WRITE_RECORDS * WIRE_BYTES];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double cpu_s(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static _Noreturn void read_all(const struct sockaddr_in *to, int core) {
    static char bytes[256 << 10];
    int fds[CONNECTIONS];
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    sched_setaffinity(0, sizeof cores, &cores);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fds[i], (const struct sockaddr *)to, sizeof *to)) die("connect");
    }
    for (int i = 0;; i = (i + 1) % CONNECTIONS)
        recv(fds[i], bytes, sizeof bytes, MSG_DONTWAIT);
}

static void encrypt(EVP_CIPHER_CTX *c) {
    static const unsigned char nonce[12] = {1};
    unsigned char *to = wire;
    for (int i = 0; i < WRITE_RECORDS; i++, to += WIRE_BYTES) {
        int len;
        EVP_EncryptInit_ex(c, NULL, NULL, NULL, nonce);
        EVP_EncryptUpdate(c, NULL, &len, to, HEAD_BYTES);
        EVP_EncryptUpdate(c, to + HEAD_BYTES, &len, text + i * RECORD_BYTES, RECORD_BYTES);
        EVP_EncryptFinal_ex(c, to + HEAD_BYTES + RECORD_BYTES, &len);
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, to + HEAD_BYTES + RECORD_BYTES);
    }
}

static void send_all(int fd) {
    for (size_t at = 0; at < sizeof wire;) {
        ssize_t sent = send(fd, wire + at, sizeof wire - at, 0);
        if (sent < 0) die("send");
        at += (size_t)sent;
    }
}

static double bytes_per_cpu_s(EVP_CIPHER_CTX *c, const int *fds, double seconds) {
    double before = cpu_s(), spent;
    uint64_t bytes = 0;
    do {
        for (int i = 0; i < CONNECTIONS; i++) {
            encrypt(c);
            if (fds) send_all(fds[i]);
            bytes += sizeof text;
        }
        spent = cpu_s() - before;
    } while (spent < seconds);
    return (double)bytes / spent;
}

int main(int argc, char **argv) {
    static const unsigned char key[16] = {1};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fds[CONNECTIONS], listener = socket(AF_INET, SOCK_STREAM, 0);
    double seconds = argc == 3 ? atof(argv[2]) : 0;
    if (seconds <= 0) return fputs("usage: ceiling READER_CORE SECONDS\n", stderr), 2;
    if (bind(listener, (struct sockaddr *)&at, len) || listen(listener, CONNECTIONS)) die("listen");
    getsockname(listener, (struct sockaddr *)&at, &len);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    if (!c || EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, NULL) != 1) die("AES-128-GCM");
    pid_t reader = fork();
    if (reader < 0) die("fork");
    if (reader == 0) read_all(&at, atoi(argv[1]));
    for (int i = 0; i < CONNECTIONS; i++)
        if ((fds[i] = accept(listener, NULL, NULL)) < 0) die("accept");
    printf("encrypted %.0f\n", bytes_per_cpu_s(c, NULL, seconds));
    printf("sent %.0f\n", bytes_per_cpu_s(c, fds, seconds));
    kill(reader, SIGKILL);
    waitpid(reader, NULL, 0);
    EVP_CIPHER_CTX_free(c);
    return 0;
}
