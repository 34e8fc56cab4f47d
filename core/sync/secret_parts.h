/* Inside the sealing of mutual objects (secret.h), shared by its files:
 *
 *      secret.c            what is kept: objects, their keys and generations
 *      secret_line.c       sealing and opening the body of one message with one key
 *      secret_proof.c      what is signed and agreed on when an observer comes
 *      secret_door.c       what happens to a message that leaves or enters, by its addresses
 *      secret_opening.c    what enters of a mutual object
 *      secret_joining.c    subscriptions at the door, on either side
 *
 * A line is a key with what was sent and heard by it: each (from, to) counts up, and what does not
 * is a repetition. */
#ifndef HY_SYNC_SECRET_PARTS_H
#define HY_SYNC_SECRET_PARTS_H

#include "hosted.h"
#include "secret.h"

#define HY__CHALLENGE_BYTES 16u

/* --- secret_line.c ---------------------------------------------------------------------------- */

typedef struct {
    uint8_t key[HY_SECRET_BYTES];
    uint64_t sent;
    hy_dict_t heard; /* from → the highest counters, by `to` */
    uint32_t pairs;  /* of from and to */
} hy__line_t;

void hy__line_init(hy__line_t *l, const uint8_t *key); /* NULL: none yet */
void hy__line_deinit(hy__line_t *l);                   /* wipes it; again is harmless */

/* The sealed form of a message, a reference for the caller: HY_ETOO_LARGE with a text, HY_ENOMEM.
 * `lead` (NULL: none) is the text of members that go before those of its body. */
int hy__line_seal(hy__line_t *l, hy_random_t *random, uint32_t generation, hy_msg_t *m,
                  const char *lead, hy_msg_t **out, hy_error_t *err);
/* Before its body can be opened: the generation that a message says; false if it is not sealed. */
bool hy__line_generation(hy_msg_t *m, uint32_t *generation);
/* The plain form of a sealed one, a reference for the caller. HY_EINVALID: not sealed by that key,
 * or not as it came here; HY_ECONFLICT: heard before; HY_EFULL: of too many; HY_ENOMEM. */
int hy__line_open(hy__line_t *l, hy_msg_t *m, hy_msg_t **out);
/* With everything given, as SEALING.md tells: the text that is bound, and the sealed body. */
hy_str_t *hy__line_bound(hy_msg_t *m, uint32_t generation, uint64_t counter);
hy_str_t *hy__line_body(const uint8_t key[HY_SECRET_BYTES], const uint8_t nonce[HY_NONCE_BYTES],
                        uint32_t generation, uint64_t counter, const hy_str_t *bound,
                        const char *text, size_t len);

/* --- secret_proof.c --------------------------------------------------------------------------- */

/* Who proves what to whom: the parts that are lent are NULL where they are not known yet. */
typedef struct {
    hy_str_t *object, *subscriber;
    hy_str_t *reporter_user, *user;
    uint8_t challenge[HY__CHALLENGE_BYTES], nonce[HY__CHALLENGE_BYTES];
    uint8_t reporter_share[HY_SHARE_BYTES], share[HY_SHARE_BYTES];
    uint8_t reporter_key[HY_SIGN_PUBLIC_BYTES], key[HY_SIGN_PUBLIC_BYTES];
    uint8_t reporter_proof[HY_SIGNATURE_BYTES], proof[HY_SIGNATURE_BYTES];
} hy__proof_t;

/* {"user", "challenge", "key", "share", "proof"}, of the reporter; reading is false if something is
 * missing or malformed. */
hy_value_t hy__proof_write_challenge(const hy__proof_t *p);
bool hy__proof_read_challenge(hy__proof_t *p, const hy_node_t *body);
int hy__proof_sign_challenge(hy__proof_t *p, const hy_sign_pair_t *own); /* HY_ENOMEM */
bool hy__proof_check_challenge(const hy__proof_t *p);
/* {"challenge", "key", "share", "nonce", "proof"}, of the observer. */
hy_value_t hy__proof_write_answer(const hy__proof_t *p);
bool hy__proof_read_answer(hy__proof_t *p, const hy_node_t *body);
int hy__proof_sign_answer(hy__proof_t *p, const hy_sign_pair_t *own);
bool hy__proof_check_answer(const hy__proof_t *p);
/* The key of what passes between the two. HY_EINVALID: the other's share is none. */
int hy__proof_agree(const hy__proof_t *p, const uint8_t private[HY_SHARE_BYTES], bool is_reporter,
                    uint8_t key[HY_SECRET_BYTES]);
/* A key of all for one of them: base64 of nonce and ciphertext; and back. NULL: no memory. */
hy_str_t *hy__box_write(const uint8_t key[HY_SECRET_BYTES], const uint8_t nonce[HY_NONCE_BYTES],
                        const hy_str_t *object, const hy_str_t *hyperty, uint32_t generation,
                        const uint8_t secret[HY_SECRET_BYTES]);
bool hy__box_read(const uint8_t key[HY_SECRET_BYTES], const hy_str_t *box, const hy_str_t *object,
                  const hy_str_t *hyperty, uint32_t generation, uint8_t secret[HY_SECRET_BYTES]);

/* --- secret.c --------------------------------------------------------------------------------- */

/* One who observes, or wants to; where the object is observed: one of this runtime's. */
typedef struct {
    hy_str_t *key; /* hyperty URL */
    hy__line_t line;
    uint8_t share[HY_SHARE_BYTES]; /* of the observer */
    uint32_t generation;           /* that it is known to have */
} hy__peer_t;

typedef struct {
    hy_manager_t *manager;
    hy_str_t *url, *user; /* of the reporter; NULL: it is not reported here */
    bool is_stale;        /* reported here, and somebody has gone who knows the key */
    bool is_told;         /* of what was dropped; once is enough */
    uint32_t generation;  /* 0: no key yet */
    hy__line_t line;      /* of all */
    hy_dict_t peers;
    uint8_t private[HY_SHARE_BYTES], share[HY_SHARE_BYTES];
    uint8_t reporter_share[HY_SHARE_BYTES]; /* observed: of the life that the key is of */
    uint64_t used;                          /* when, counted */
} hy__secret_t;

/* A subscription under way: on its way out, or let in to the sync manager here. */
typedef struct {
    hy_link_t link;
    hy_msg_t *request;
    hy_str_t *object, *subscriber; /* lent by the request, the second one */
    uint64_t until_ms;
    uint32_t tries;
    bool has_line; /* proven, and nothing heard by it yet */
    hy__line_t line;
    uint8_t reporter_share[HY_SHARE_BYTES];
} hy__knock_t;

/* What the reporter's side has asked somebody to prove. */
typedef struct {
    hy_link_t link;
    hy_str_t *object, *subscriber;
    uint64_t until_ms;
    uint8_t challenge[HY__CHALLENGE_BYTES];
} hy__challenge_t;

struct hy__secrets {
    hy_manager_t *manager;
    hy_dict_t objects; /* URL → hy__secret_t */
    uint64_t uses;
    hy_link_t knocks, let_in, challenges; /* by age */
    uint32_t knock_count, let_in_count, challenge_count;
};

hy_random_t *hy__secret_random(const hy__secrets_t *all);
/* The secret of that object, or that the address lies below; NULL. */
hy__secret_t *hy__secret_find(const hy__secrets_t *all, const hy_str_t *address);
/* The same, made if missing. NULL: no memory, or no room. */
hy__secret_t *hy__secret_put(hy__secrets_t *all, hy_str_t *url);
hy__peer_t *hy__secret_peer(const hy__secret_t *s, const hy_str_t *hyperty);
/* It has that line from now on, which is taken over. NULL: no memory, or too many. */
hy__peer_t *hy__secret_put_peer(hy__secret_t *s, hy_str_t *hyperty, hy__line_t *line);
bool hy__secret_observes(const hy__secret_t *s, const hy__peer_t *p); /* reported here */
/* Reported here: a new key, and what tells it to all who observe; NULL: nobody, or no memory. */
hy_msg_t *hy__secret_renew(hy__secret_t *s);
void hy__secrets_forget(hy__secrets_t *all, hy__secret_t *s);
/* The key of all is that one from now on; the same one again changes nothing. */
void hy__secret_take(hy__secret_t *s, uint32_t generation, const uint8_t key[HY_SECRET_BYTES]);
hy_hosted_t *hy__secret_hosted(const hy__secret_t *s); /* NULL: not reported here, not now */
/* Logged, once an object. */
void hy__secret_tell(hy__secret_t *s, const hy_msg_t *m, const char *what);

/* --- secret_door.c ---------------------------------------------------------------------------- */

bool hy__is_below(const hy_str_t *address, const hy_str_t *object, const char *tail);
/* A response that has nothing but that: the code, why (NULL: nothing), and with 503 whether to ask
 * again. */
int hy__secret_strip(hy_msg_t **m, int code, const char *desc, bool again);

/* --- secret_opening.c ------------------------------------------------------------------------- */

/* As hy_door_t.enters, of a message that is about that object. */
int hy__secret_opens(hy__secret_t *s, hy_msg_t **m);
/* An answer of the reporter, opened, may tell the key of all; `is_new`: of another life of it. */
void hy__secret_hear(hy__secret_t *s, hy_msg_t *opened, bool is_new);

/* --- secret_joining.c ------------------------------------------------------------------------- */

/* A subscribe leaves. */
int hy__knock_leaves(hy__secrets_t *all, hy_msg_t *m);
/* A response that a subscription of this runtime waits for. As hy_door_t.enters; 2: it was none. */
int hy__knock_answered(hy__secrets_t *all, hy_msg_t **m);
/* Opened by the line of a subscription of that hyperty which is under way. */
int hy__knock_opens(hy__secrets_t *all, hy_msg_t *m, hy_msg_t **out);
/* A subscribe enters, to an object that is reported here. */
int hy__knock_enters(hy__secret_t *s, hy_msg_t **m);
/* Who subscribed with the request that this response answers; NULL. A final one ends it. */
hy_str_t *hy__knock_subscriber(hy__secrets_t *all, const hy_msg_t *response, int code);
void hy__knocks_free(hy__secrets_t *all);

#endif
