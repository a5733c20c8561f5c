// Package okta serves Okta's Authentication API, the classic one under
// /api/v1/authn, from an [authn.Service]. Okta's own JavaScript client and
// sign-in widget work with it as they are.
//
// [New] makes an [http.Handler] from the service, the host's check of
// passwords and its maker of sessions. Mount it under "/api/v1/" and "/login/",
// or at the root; the Example is a whole host. The handler keeps nothing
// between requests: any number of processes with the same store and keys can
// serve one transaction.
//
// # A sign-in
//
// A client posts the user name and the password, and follows links from then
// on: each answer has the transaction's status, a state token, and a link for
// each thing that may come next. The client builds no URL and guesses no
// state. With a code by e-mail a sign-in looks like this:
//
//	POST /api/v1/authn {username, password}        MFA_REQUIRED, no mail yet
//	POST factors[0]._links.verify {stateToken}     MFA_CHALLENGE, a mail goes out
//	POST _links.next {stateToken, passCode}        SUCCESS with a sessionToken
//	GET  /login/sessionCookieRedirect?token=…      the browser has a session
//
// A user without a factor gets MFA_ENROLL instead. The client enrolls the
// factor that is offered (factors[0]._links.enroll), gets MFA_ENROLL_ACTIVATE
// while a mail goes out, and confirms the factor with the code (_links.next).
// All of this needs the state token alone, and no other API.
//
// # Endpoints
//
// A POST brings a JSON object with the stateToken and with what the list
// says. The first operation and the last two take no stateToken.
//
//	POST /api/v1/authn                                  with username and password: begins a sign-in
//	POST /api/v1/authn                                  with the stateToken alone: tells where the transaction stands
//	POST /api/v1/authn/introspect                       tells the same
//	POST /api/v1/authn/factors                          in MFA_ENROLL, with factorType and provider: enrolls a factor and sends a code
//	POST /api/v1/authn/factors/{id}/lifecycle/activate  in MFA_ENROLL_ACTIVATE, with the passCode: confirms the factor
//	POST /api/v1/authn/factors/{id}/lifecycle/resend    in MFA_ENROLL_ACTIVATE: sends another code
//	POST /api/v1/authn/factors/{id}/verify              in MFA_REQUIRED, without a passCode: one is sent
//	POST /api/v1/authn/factors/{id}/verify              in MFA_CHALLENGE, without a passCode: another one is sent
//	POST /api/v1/authn/factors/{id}/verify              in MFA_CHALLENGE, with the passCode: checks it
//	POST /api/v1/authn/factors/{id}/verify/resend       in MFA_REQUIRED: sends a code
//	POST /api/v1/authn/factors/{id}/verify/resend       in MFA_CHALLENGE: sends another code
//	POST /api/v1/authn/previous                         goes one step back
//	POST /api/v1/authn/skip                             goes on without enrolling, if no required factor is missing
//	POST /api/v1/authn/cancel                           ends the transaction; in SUCCESS it voids the session token
//	POST /api/v1/sessions                               with the sessionToken: gives a server a session for it
//	GET  /login/sessionCookieRedirect                   with token and redirectUrl in the query: gives a browser a session for it
//
// The handler also answers below /api/v1/users/, which is another API of
// Okta's: a client that brings a state token there learns which operation of
// this API it needs.
//
// # Beyond Okta
//
// Answers, and errors of a live transaction, have one more member, which
// Okta's clients ignore:
//
//	"authn": {
//	  "allowed": [{"event": "resend", "at": "…"}],   what may come next; without at: now
//	  "triesLeft": 9,                                wrong codes that are left
//	  "generation": 2,                               number of the code that was sent last
//	  "resendAt": "…",                               when another code may be asked for
//	  "codeExpiresAt": "…",                          when the code stops being good
//	  "now": "…",                                    the server's clock, for countdowns
//	  "delivery": "sent",                            or pending, or failed
//	  "lockedUntil": "…"                             in LOCKED_OUT, if the lock ends by itself
//	}
//
// The request header Idempotency-Key (1 to 64 printable ASCII characters) is
// the key of [authn.WithKey]. A client that lost an answer sends the request
// again under the same key: if nothing was saved since, it is answered and not
// done again. The header has no effect on the password step, nor on requests
// that change nothing.
//
// # Errors
//
// Errors have Okta's form, codes and statuses; the texts are ours. errorCauses
// says what went wrong and what to do; its first entry is fit for users to
// read.
//
//	400 E0000001  a member is missing, unknown, too long or of a wrong type; or a code is malformed, which is not counted
//	400 E0000003  the body is not one strict JSON object (413 if it is longer than 8 KiB)
//	400 E0000021  Content-Type is not application/json, or there is a Content-Encoding
//	401 E0000004  the user name or the password is wrong: one answer for every reason
//	401 E0000011  the token is unknown, foreign, expired, canceled, locked or used: one answer for all
//	403 E0000005  a state token came in a URL, or in place of a session or an API key: the causes name what is allowed
//	403 E0000006  a preflight of an origin that is not on the list
//	403 E0000068  the code is wrong, superseded or late, or there is none to compare with: the cause says which
//	403 E0000069  the code is wrong and it was the last try: the transaction is over, or the account is locked
//	403 E0000079  not allowed in this state: the causes name what is, and the links to it
//	403 E0000085  a second factor is demanded, and the user has none to prove or to enroll
//	404 E0000007  there is no such factor here, for whatever reason
//	404 E0000008  there is no such path
//	405 E0000022  another method is expected
//	429 E0000047  too many tries: Retry-After says when to go on
//	429 E0000118  too many codes: Retry-After says when to go on
//	500 E0000009  a fault and no verdict (503 if the same request may succeed later): Retry-After; Config.Report learns of it
//
// The right password for a locked account is no error: the answer is a 200
// with the status LOCKED_OUT and no token.
//
// # Strictness
//
// A body is refused before anything is looked up
//
//   - if a name occurs twice in one object, at any depth,
//   - if a member has a wrong type, another letter case or no meaning here,
//   - if something follows the object, or it is nested deeper than 8 levels,
//   - if it has bytes that are not UTF-8, or half a surrogate pair.
//
// Members that Okta's clients send and that change nothing are accepted:
// options, context, profile and relayState in the body, and rememberDevice,
// autoPush and updatePhone in the query. relayState has at most 2,048 bytes; it
// comes back in the answer to the same request and is never followed. Secrets
// in a query are refused.
//
// The handler does not limit how slowly a body may arrive: set
// ReadHeaderTimeout and ReadTimeout of the [http.Server].
//
// # Sessions
//
// A session token is good once. A server exchanges it at /api/v1/sessions, a
// browser at /login/sessionCookieRedirect. There the token stands in the
// query, because Okta's clients put it there; so the endpoint asks for two
// things more. One is a cookie that came with the answer that said SUCCESS and
// that nobody can make from the token (HttpOnly, SameSite=Lax, __Host-). The
// other is a redirectUrl that Config.RedirectURLs has. Okta's clients expect a
// session token to last 5 minutes: set [authn.Policy].SessionLife to
// [SessionLife].
//
// Browsers that run scripts of other origins need Config.Origins. A page of
// another site gets no SameSite cookie: its own server has to exchange the
// token.
//
// # What differs from Okta on purpose
//
//   - No request extends a transaction (10 minutes by default), so that a code
//     never outlives what it is for.
//   - The state token stays the same within a transaction. After SUCCESS it is
//     good for cancel only.
//   - A wrong, a late and a superseded code have one error, E0000068, and the
//     cause tells them apart. E0000082 and E0000083 are not used.
//   - From the fourth wrong code in a row on, the next try has to wait
//     (E0000047), and the account locks at the tenth. These are the defaults of
//     [authn.Policy].
//   - A transaction sends three mails, at least 30 s apart. Then the resend
//     link is gone.
//   - A code survives going back to MFA_REQUIRED. Choosing its factor again
//     before another mail may go out leads to MFA_CHALLENGE without a mail.
//   - The client never names the e-mail address: a profile is not read. Answers
//     show the address in part, as a***@e***.com.
//   - A factor is addressed by its id, never by its type. A factor that the user
//     cannot have is 404 E0000007.
//   - If a user cannot skip and no factor is marked as required, each factor to
//     enroll has the enrollment REQUIRED.
//   - No device is remembered; policy in answers says so.
//   - The state of a transaction that has succeeded is 401: the session token
//     goes to whoever finished it.
//   - SUCCESS has a cancel link and no state token: a client that kept the state
//     token can use it.
//   - LOCKED_OUT has no link.
//   - Recovery, unlock, password change, activation tokens, step-up (audience, or
//     stateToken with a password), trusted applications and factor types other
//     than email do not exist.
//   - There are no X-Rate-Limit headers: an answer that throttles says so itself.
//   - Paths, methods and bodies are as specified, or are refused.
//
// A factor whose id is "." or ".." cannot be reached, because clients remove
// it from the path.
package okta
