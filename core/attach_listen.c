/* Letting clients in: which socket it is, what they are told that they have reached, and what the
 * log says of it. */
#include "attach_listen.h"
#include "attach_paths.h"
#include "base/buf.h"

#include <string.h>
#include <unistd.h>

static const char NOBODY[] = "none";

/* "hyperties/clock/init.lua" is "clock". */
static void add_name(hy_buf_t *b, const char *name) {
    const char *end = name + strlen(name);
    if (end - name > 9 && strcmp(end - 9, "/init.lua") == 0) {
        end -= 9;
    } else if (end - name > 4 && strcmp(end - 4, ".lua") == 0) {
        end -= 4;
    }
    const char *start = end;
    while (start > name && start[-1] != '/')
        start--;
    hy_buf_add(b, start, (size_t)(end - start));
}

hy_str_t *hy_attach_label(const hy_texts_t *names) {
    hy_buf_t b;
    hy_buf_init(&b);
    for (int i = 0; i < names->count; i++) {
        if (i > 0) hy_buf_char(&b, '+');
        add_name(&b, names->items[i]);
    }
    return names->count ? hy_buf_take(&b) : hy_str_from("");
}

static int open_prompts(const hy_attach_config_t *config, hy_prompts_t **out, hy_error_t *err) {
    const char *label = config->label ? config->label : "";
    hy_str_t *hello =
        hy_str_format(*label ? "hyperty %s, process %ld: %s" : "hyperty %s, process %ld",
                      hy_command_word(config->options->command), (long)getpid(), label);
    if (!hello) return hy_fail(err, HY_ENOMEM, "out of memory");
    hy_prompts_config_t prompts = {
        .loop = config->loop,
        .log = config->log,
        .node = config->node,
        .hello = hello->bytes,
        .host = config->host,
        .arg = config->arg,
    };
    int rc = hy_prompts_open(&prompts, out, err);
    hy_str_unref(hello);
    return rc;
}

static int listen_at(const hy_attach_config_t *config, hy_prompts_t *prompts, const char *path,
                     hy_error_t *err) {
    int rc = hy_prompts_listen(prompts, path, err);
    if (rc) return rc;
    hy_log(config->log, config->is_quiet ? HY_LOG_DEBUG : HY_LOG_INFO, "attach",
           "prompts come in by %s", path);
    return 0;
}

int hy_attach_listen(const hy_attach_config_t *config, hy_prompts_t **out, hy_error_t *err) {
    const char *path = config->options->given[HY_OPTION_ATTACH];
    char usual[HY_ATTACH_PATH_BYTES];
    hy_prompts_t *prompts;
    hy_error_t why = {0};
    int rc = open_prompts(config, &prompts, err);
    if (rc) return rc;
    if (!path) {
        rc = hy_attach_path_make(hy_command_word(config->options->command), config->label, usual,
                                 &why);
        if (!rc) rc = listen_at(config, prompts, usual, &why);
        if (rc) hy_log(config->log, HY_LOG_WARN, "attach", "nobody can attach: %s", why.text);
    } else if (strcmp(path, NOBODY) != 0) {
        rc = listen_at(config, prompts, path, &why);
        if (rc) {
            hy_prompts_close(prompts);
            return hy_fail(err, rc, "--attach: %s", why.text);
        }
    }
    *out = prompts;
    return 0;
}
