use super::*;

/// By `htpasswd -nbB -C 4 Aladdin 'open sesame'` of Apache 2.4.
const HTPASSWD: &str = "Aladdin:$2y$04$7IX6lTctSEK09HMNU9L7WuO97EOZs9iPN3tC5H4JKaYiUOqffTlHq";

/// "password" with the salt "somesalt", from the tests of the reference implementation of Argon2.
const ARGON2ID: &str =
    "a:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

/// 72 times "a", by crypt(3).
const LONG: &str = "a:$2y$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe";

fn is(account: &str, password: &[u8]) -> bool {
    Account::parse(account).unwrap().into_secret().is(password)
}

#[test]
fn a_password_is_recognised_by_what_other_programs_made_of_it() {
    for (account, password, wrong) in [
        (HTPASSWD, "open sesame", "open sesam"),
        (ARGON2ID, "password", "Password"),
        ("a:open:sesame", "open:sesame", "open"),
        ("a:p\u{e4}ss", "p\u{e4}ss", "pass"),
        ("a:2b", "2b", "2B"),
    ] {
        assert!(is(account, password.as_bytes()), "{account}");
        for wrong in [wrong, "", "x", &format!("{password}x"), &format!("{password} ")] {
            assert!(!is(account, wrong.as_bytes()), "{account} {wrong:?}");
        }
        assert!(!is(account, b"\xff\xfe"));
    }
}

#[test]
fn bcrypt_counts_72_bytes() {
    assert!(is(LONG, &[b'a'; 72]) && is(LONG, &[b'a'; 100]));
    assert!(!is(LONG, &[b'a'; 71]));
}

#[test]
fn an_account_has_the_name_before_the_first_colon() {
    for (text, user, is_plain) in
        [(HTPASSWD, "Aladdin", false), (ARGON2ID, "a", false), ("a b:c", "a b", true), (":c", "", true)]
    {
        let account = Account::parse(text).unwrap();
        assert_eq!((account.user(), account.is_plain()), (user, is_plain));
    }
}

#[test]
fn what_is_no_account_is_refused_with_the_reason() {
    let cut = &HTPASSWD[..HTPASSWD.len() - 1];
    let unsalted = "a:$argon2id$v=19$m=256,t=2,p=1";
    let unknown = ARGON2ID.replace("argon2id", "argon2x");
    let dear = ARGON2ID.replace("m=256", "m=1048577");
    let slow = ARGON2ID.replace("m=256,t=2", "m=1048576,t=17");
    for (text, told) in [
        ("", "USER:PASSWORD"),
        ("Aladdin", "USER:PASSWORD"),
        ("Aladdin:", "no password"),
        ("a:b\nc", "control character"),
        ("a\0:b", "control character"),
        ("a:$apr1$ihk1di9I$A5ugJJdvxjvOHLuAhrGpD.", "htpasswd -nB a"),
        ("a:{SHA}6dcfXufJLW3J6S/9rRe4vUlBj5g=", "htpasswd -nB a"),
        ("a:$6$salt$hash", "not supported"),
        (cut, "not whole"),
        (unsalted, "not whole"),
        (&unknown, "not whole"),
        (&HTPASSWD.replace("$04$", "$17$"), "costs too much"),
        (&dear, "costs too much"),
        (&slow, "costs too much"),
    ] {
        let fault = Account::parse(text).unwrap_err().to_string();
        assert!(fault.contains(told), "{text}: {fault}");
        assert!(!fault.contains("sesame"), "{fault}");
    }
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    for text in [HTPASSWD, ARGON2ID, "a:open sesame"] {
        let account = Account::parse(text).unwrap();
        let secret = text.split_once(':').unwrap().1;
        let shown = format!("{account:?} {:?}", account.clone().into_secret());
        assert!(!shown.contains(secret) && !shown.contains("sesame"), "{shown}");
    }
}
