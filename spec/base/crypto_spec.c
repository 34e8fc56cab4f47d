/* core/base/crypto: the published vectors, and whatever is not what it says it is. */
#include <stdlib.h>

#include "base/crypto.h"
#include "support.h"

static size_t bytes_of(const char *hex, uint8_t *out) {
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n;
}

static void assert_bytes(const uint8_t *bytes, const char *hex) {
    uint8_t expected[256];
    size_t n = bytes_of(hex, expected);
    assert_memory_equal(bytes, expected, n);
}

/* A source that gives just those bytes. */
typedef struct {
    hy_random_t random;
    uint8_t bytes[32];
} given_t;

static void give(hy_random_t *r, void *bytes, size_t len) {
    assert_int_equal(len, 32);
    memcpy(bytes, ((given_t *)r)->bytes, len);
}

static hy_random_t *given(given_t *g, const char *hex) {
    *g = (given_t){.random.fill = give};
    bytes_of(hex, g->bytes);
    return &g->random;
}

static int start(void **state) {
    (void)state;
    assert_int_equal(hy_crypto_start(), 0);
    return hy_crypto_start();
}

/* --- signatures ------------------------------------------------------------------------------- */

static const struct {
    const char *seed, *public, *text, *signature;
} rfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

static void signatures_are_those_of_rfc_8032(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rfc8032); i++) {
        given_t g;
        hy_sign_pair_t pair, again;
        uint8_t text[8], signature[HY_SIGNATURE_BYTES];
        size_t len = bytes_of(rfc8032[i].text, text);
        hy_sign_pair_new(given(&g, rfc8032[i].seed), &pair);
        assert_bytes(pair.seed, rfc8032[i].seed);
        assert_bytes(pair.public, rfc8032[i].public);
        hy_sign(&pair, text, len, signature);
        assert_bytes(signature, rfc8032[i].signature);
        assert_true(hy_sign_check(pair.public, text, len, signature));
        hy_sign_pair_of(pair.seed, &again);
        assert_memory_equal(&again, &pair, sizeof pair);
    }
}

static void a_signature_is_for_all_of_its_bytes(void **state) {
    hy_random_t r;
    hy_sign_pair_t pair, other;
    uint8_t text[40], signature[HY_SIGNATURE_BYTES], public[HY_SIGN_PUBLIC_BYTES];
    (void)state;
    hy_random_seed(&r, 5);
    hy_sign_pair_new(&r, &pair);
    hy_sign_pair_new(&r, &other);
    r.fill(&r, text, sizeof text);
    hy_sign(&pair, text, sizeof text, signature);
    for (unsigned bit = 0; bit < 8; bit++) {
        uint8_t flip = (uint8_t)(1u << bit);
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] ^= flip;
            assert_false(hy_sign_check(pair.public, text, sizeof text, signature));
            text[i] ^= flip;
        }
        for (size_t i = 0; i < sizeof signature; i++) {
            signature[i] ^= flip;
            assert_false(hy_sign_check(pair.public, text, sizeof text, signature));
            signature[i] ^= flip;
        }
        memcpy(public, pair.public, sizeof public);
        for (size_t i = 0; i < sizeof public; i++) {
            public[i] ^= flip;
            assert_false(hy_sign_check(public, text, sizeof text, signature));
            public[i] ^= flip;
        }
    }
    for (size_t len = 0; len < sizeof text; len++)
        assert_false(hy_sign_check(pair.public, text, len, signature));
    assert_false(hy_sign_check(other.public, text, sizeof text, signature));
    assert_true(hy_sign_check(pair.public, text, sizeof text, signature));
}

static void a_key_of_low_order_signs_nothing(void **state) {
    /* With the neutral point as key, and as the signature's point, any text would fit. */
    uint8_t public[HY_SIGN_PUBLIC_BYTES] = {1}, signature[HY_SIGNATURE_BYTES] = {1};
    (void)state;
    assert_false(hy_sign_check(public, "any text", 8, signature));
}

/* --- agreement -------------------------------------------------------------------------------- */

#define ALICE "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
#define BOB   "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"

static void shares_are_those_of_rfc_7748(void **state) {
    given_t g;
    uint8_t alice[HY_SHARE_BYTES], a[HY_SHARE_BYTES], bob[HY_SHARE_BYTES], b[HY_SHARE_BYTES];
    uint8_t key[HY_SECRET_BYTES];
    (void)state;
    hy_share_new(given(&g, ALICE), alice, a);
    hy_share_new(given(&g, BOB), bob, b);
    assert_bytes(alice, ALICE);
    assert_bytes(a, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    assert_bytes(b, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    /* BLAKE2b of a, b and the context, keyed with the secret of section 6.1; made elsewhere. */
    const char expected[] = "032ffbbdd90eaaf9f293af51dd56d4ecf85f104ce826aa48936fd5d42962550b";
    assert_true(hy_share_agree(alice, a, b, "a context", key));
    assert_bytes(key, expected);
    memset(key, 0, sizeof key);
    assert_true(hy_share_agree(bob, b, a, "a context", key));
    assert_bytes(key, expected);
}

static void another_context_or_share_is_another_key(void **state) {
    hy_random_t r;
    uint8_t private[3][HY_SHARE_BYTES], public[3][HY_SHARE_BYTES], key[4][HY_SECRET_BYTES];
    (void)state;
    hy_random_seed(&r, 6);
    for (int i = 0; i < 3; i++)
        hy_share_new(&r, private[i], public[i]);
    assert_true(hy_share_agree(private[0], public[0], public[1], "context", key[0]));
    assert_true(hy_share_agree(private[0], public[0], public[1], "contexu", key[1]));
    assert_true(hy_share_agree(private[0], public[0], public[2], "context", key[2]));
    /* The same point, but told as somebody else's share. */
    assert_true(hy_share_agree(private[0], public[2], public[1], "context", key[3]));
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            assert_false(hy_secret_equal(key[i], key[j], HY_SECRET_BYTES));
}

static void a_share_of_low_order_is_none(void **state) {
    static const char *const low[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    hy_random_t r;
    uint8_t private[HY_SHARE_BYTES], mine[HY_SHARE_BYTES], theirs[HY_SHARE_BYTES];
    (void)state;
    hy_random_seed(&r, 7);
    hy_share_new(&r, private, mine);
    for (size_t i = 0; i < COUNT_OF(low); i++) {
        uint8_t key[HY_SECRET_BYTES] = {42};
        bytes_of(low[i], theirs);
        assert_false(hy_share_agree(private, mine, theirs, "context", key));
        theirs[31] |= 0x80; /* a bit that does not count */
        assert_false(hy_share_agree(private, mine, theirs, "context", key));
        assert_int_equal(key[0], 42);
    }
}

/* --- sealing ---------------------------------------------------------------------------------- */

static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                                "only one tip for the future, sunscreen would be it.";

static void seals_are_those_of_the_draft_on_xchacha(void **state) {
    uint8_t key[HY_SECRET_BYTES], nonce[HY_NONCE_BYTES], bound[12];
    uint8_t sealed[sizeof sunscreen - 1 + HY_SEAL_TAG_BYTES], text[sizeof sunscreen - 1];
    (void)state;
    bytes_of("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", key);
    bytes_of("404142434445464748494a4b4c4d4e4f5051525354555657", nonce);
    bytes_of("50515253c0c1c2c3c4c5c6c7", bound);
    hy_seal(key, nonce, bound, sizeof bound, sunscreen, sizeof text, sealed);
    assert_bytes(
        sealed,
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4e"
        "da7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2"
        "383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49");
    assert_true(hy_unseal(key, nonce, bound, sizeof bound, sealed, sizeof sealed, text));
    assert_memory_equal(text, sunscreen, sizeof text);
}

static void nothing_of_a_seal_can_be_changed(void **state) {
    hy_random_t r;
    struct {
        uint8_t key[HY_SECRET_BYTES], nonce[HY_NONCE_BYTES], bound[20];
        uint8_t sealed[33 + HY_SEAL_TAG_BYTES];
    } all;
    uint8_t text[33], *byte = (uint8_t *)&all;
    (void)state;
    hy_random_seed(&r, 8);
    r.fill(&r, &all, sizeof all);
    hy_seal(all.key, all.nonce, all.bound, sizeof all.bound, sunscreen, sizeof text, all.sealed);
    for (size_t i = 0; i < 8 * sizeof all; i++) {
        byte[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_false(hy_unseal(all.key, all.nonce, all.bound, sizeof all.bound, all.sealed,
                               sizeof all.sealed, text));
        byte[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t len = 0; len < sizeof all.sealed; len++)
        assert_false(
            hy_unseal(all.key, all.nonce, all.bound, sizeof all.bound, all.sealed, len, text));
    for (size_t len = 0; len < sizeof all.bound; len++)
        assert_false(
            hy_unseal(all.key, all.nonce, all.bound, len, all.sealed, sizeof all.sealed, text));
    assert_true(hy_unseal(all.key, all.nonce, all.bound, sizeof all.bound, all.sealed,
                          sizeof all.sealed, text));
}

static void nothing_can_be_sealed_too(void **state) {
    uint8_t key[HY_SECRET_BYTES] = {1}, nonce[HY_NONCE_BYTES] = {2}, tag[HY_SEAL_TAG_BYTES], none;
    (void)state;
    hy_seal(key, nonce, NULL, 0, NULL, 0, tag);
    assert_true(hy_unseal(key, nonce, NULL, 0, tag, sizeof tag, &none));
    assert_false(hy_unseal(key, nonce, "x", 1, tag, sizeof tag, &none));
}

static void a_secret_is_compared_and_forgotten_whole(void **state) {
    uint8_t a[9] = "12345678", b[9] = "12345678", zero[9] = {0};
    (void)state;
    assert_true(hy_secret_equal(a, b, 8));
    assert_true(hy_secret_equal(a, b, 0));
    for (size_t i = 0; i < 8; i++) {
        b[i] ^= 1;
        assert_false(hy_secret_equal(a, b, 8));
        b[i] ^= 1;
    }
    hy_secret_wipe(a, 8);
    assert_memory_equal(a, zero, 8);
    assert_int_equal(b[7], '8');
}

/* --- texts ------------------------------------------------------------------------------------ */

static const char *const rfc4648[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xef\xff", "++//"},
};

static void base64_is_that_of_rfc_4648(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rfc4648); i++) {
        const char *plain = rfc4648[i][0], *text = rfc4648[i][1];
        uint8_t out[8];
        hy_str_t *s = hy_base64(plain, strlen(plain));
        assert_true(hy_str_is(s, text));
        assert_int_equal(hy_base64_read(text, strlen(text), out, sizeof out), strlen(plain));
        assert_memory_equal(out, plain, strlen(plain));
        /* A room that just fits, and one that is too small by one byte. */
        assert_int_equal(hy_base64_read(text, strlen(text), out, strlen(plain)), strlen(plain));
        if (*plain) assert_int_equal(hy_base64_read(text, s->len, out, strlen(plain) - 1), -1);
        hy_str_unref(s);
    }
}

static void only_the_one_form_of_base64_is_taken(void **state) {
    static const char *const bad[] = {
        "Z",           "Zg",       "Zg=",      "Zg===",        "=",     "==",
        "====",        "Zh==",     "Zn==",     "Zm9=",         "Zm8",   "Zm8==",
        "Zm9vY",       "Zm9v=",    "Zm9v====", " Zg==",        "Zg== ", "Zg==\n",
        "Z g==",       "Zg=\n",    "Zg==Zg==", "Zm9v\r\nYg==", "--__",  "Zm9-",
        "Z\xc3\xa9==", "Zm9vYm!y",
    };
    uint8_t out[16];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(hy_base64_read(bad[i], strlen(bad[i]), out, sizeof out), -1);
    assert_int_equal(hy_base64_read("Zm\0v", 4, out, sizeof out), -1);
    assert_int_equal(hy_base64_read("Zm9v\0", 5, out, sizeof out), -1);
}

static void base64_reads_what_it_writes(void **state) {
    hy_random_t r;
    uint8_t bytes[300], back[300];
    (void)state;
    hy_random_seed(&r, 9);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        r.fill(&r, bytes, len);
        hy_str_t *s = hy_base64(bytes, len);
        assert_int_equal(s->len, (len + 2) / 3 * 4);
        assert_int_equal(strlen(s->bytes), s->len);
        assert_int_equal(hy_base64_read(s->bytes, s->len, back, sizeof back), len);
        assert_memory_equal(back, bytes, len);
        hy_str_unref(s);
    }
    hy_mem_fail_after(1);
    assert_null(hy_base64(bytes, 3));
}

static void a_fingerprint_is_32_letters_in_groups_of_4(void **state) {
    uint8_t public[HY_SIGN_PUBLIC_BYTES];
    char text[HY_FINGERPRINT_BYTES], other[HY_FINGERPRINT_BYTES];
    (void)state;
    bytes_of(rfc8032[0].public, public);
    hy_fingerprint(public, text);
    assert_string_equal(
        text, "dn4t rv44 8cyi pqhr 7ccf feen iz46 r2d3"); /* made elsewhere, from BLAKE2b */
    public[31] ^= 1;
    hy_fingerprint(public, other);
    assert_string_not_equal(text, other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(signatures_are_those_of_rfc_8032),
        TEST(a_signature_is_for_all_of_its_bytes),
        TEST(a_key_of_low_order_signs_nothing),
        TEST(shares_are_those_of_rfc_7748),
        TEST(another_context_or_share_is_another_key),
        TEST(a_share_of_low_order_is_none),
        TEST(seals_are_those_of_the_draft_on_xchacha),
        TEST(nothing_of_a_seal_can_be_changed),
        TEST(nothing_can_be_sealed_too),
        TEST(a_secret_is_compared_and_forgotten_whole),
        TEST(base64_is_that_of_rfc_4648),
        TEST(only_the_one_form_of_base64_is_taken),
        TEST(base64_reads_what_it_writes),
        TEST(a_fingerprint_is_32_letters_in_groups_of_4),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
