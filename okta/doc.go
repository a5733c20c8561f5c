// Package okta speaks Okta's Authentication API, the classic one under
// /api/v1/authn, on top of an [authn.Service]: Okta's own JavaScript client
// and sign-in widget drive it as they are.
//
// [New] makes an [http.Handler] from the service, the host's check of
// passwords and its maker of sessions. Mount it under "/api/v1/" and "/login/"
// (or at the root); the Example is a whole host. The handler keeps nothing
// between requests, so that any number of processes with the same store and
// keys serve one transaction.
//
// # A sign-in
//
// A client posts the user name and the password, and from then on follows
// links: each answer has the transaction's status, a state token, and the links
// of what may come next. The client never builds a URL and never guesses a
// state. For a code sent by e-mail it goes:
//
//	POST /api/v1/authn {username, password}        MFA_REQUIRED, no mail yet
//	POST factors[0]._links.verify {stateToken}     MFA_CHALLENGE, a mail goes out
//	POST _links.next {stateToken, passCode}        SUCCESS with a sessionToken
//	GET  /login/sessionCookieRedirect?token=…      the browser has a session
//
// A user without a factor gets MFA_ENROLL instead, enrolls the one that is
// offered (factors[0]._links.enroll), gets MFA_ENROLL_ACTIVATE and a mail at
// once, and confirms it with the code (_links.next); all of it with the state
// token, and nothing of it in another API.
//
// # Endpoints
//
// All are POST with a JSON object and take the stateToken, but the first, when
// it begins a transaction, and the last two.
//
//	/api/v1/authn                                   username, password: begins
//	/api/v1/authn                                   stateToken alone: where does it stand?
//	/api/v1/authn/introspect                        the same
//	/api/v1/authn/factors                           factorType, provider: enrolls; a code goes out
//	/api/v1/authn/factors/{id}/lifecycle/activate   passCode: confirms what is enrolled
//	/api/v1/authn/factors/{id}/lifecycle/resend     another code for it
//	/api/v1/authn/factors/{id}/verify               without passCode: in MFA_REQUIRED a code goes out, in MFA_CHALLENGE another
//	/api/v1/authn/factors/{id}/verify               passCode: checks it
//	/api/v1/authn/factors/{id}/verify/resend        as verify without passCode
//	/api/v1/authn/previous                          one step back
//	/api/v1/authn/skip                              leaves MFA_ENROLL, if nothing that is required is missing
//	/api/v1/authn/cancel                            ends the transaction; in SUCCESS it voids the session token
//	/api/v1/sessions                                sessionToken: a server exchanges it for a session
//	/login/sessionCookieRedirect                    GET, token, redirectUrl: a browser does
//
// /api/v1/users/ is served only to tell whoever brings a state token there
// which operation of this API he wants.
//
// # Beyond Okta
//
// Answers and errors of a live transaction have one more member, which Okta's
// clients ignore:
//
//	"authn": {
//	  "allowed": [{"event": "resend", "at": "…"}],   what may come next; without at: now
//	  "triesLeft": 9, "generation": 2,               wrong codes left; which code was sent last
//	  "resendAt": "…", "codeExpiresAt": "…",         for countdowns, by the server's clock,
//	  "now": "…",                                    which this is
//	  "delivery": "sent",                            or pending, or failed
//	  "lockedUntil": "…"                             in LOCKED_OUT, if time helps
//	}
//
// The request header Idempotency-Key (1 to 64 printable ASCII characters) is
// the key of [authn.WithKey]: a request that is sent again under the key of the
// last one, because its answer was lost, is answered and not done again. It has
// no effect on primary authentication, nor where nothing is changed.
//
// # Errors
//
// Errors have Okta's form, codes and statuses; the texts are ours. What went
// wrong, and what to do, is in errorCauses; the first is fit for users to read.
//
//	400 E0000001  a member is missing, unknown, too long, or of a wrong type; a malformed code (uncounted)
//	400 E0000003  the body is not one strict JSON object (413 if it is longer than 8 KiB)
//	400 E0000021  Content-Type is not application/json, or there is a Content-Encoding
//	401 E0000004  user name or password wrong: one answer for every reason
//	401 E0000011  the token is unknown, foreign, expired, canceled, locked or used: one answer for all
//	403 E0000005  a state token in place of a session or an API key, or in a URL: the causes name what is allowed instead
//	403 E0000006  a preflight of an origin that is not on the list
//	403 E0000068  the code is wrong, superseded, late, or there is none to compare with: the cause says which
//	403 E0000069  it was wrong and the last try: the transaction is over, or the account locked
//	403 E0000079  not in this state: the causes name what is allowed now, and at which links
//	403 E0000085  a second factor is demanded and the user has none to prove or to enroll
//	404 E0000007  no such factor here, for whatever reason
//	404 E0000008  no such path
//	405 E0000022  another method
//	429 E0000047  too many tries: Retry-After
//	429 E0000118  too many mails: Retry-After
//	500 E0000009  a fault, with 503 if trying again may help: no verdict, Retry-After; Config.Report is told
//
// The right password on a locked account is a 200 with status LOCKED_OUT and
// no token.
//
// # Strictness
//
// A name twice in an object, at any depth, other letter case, a second value,
// bytes that are not UTF-8, half a surrogate pair, nesting deeper than 8, a
// wrong type and a member that means nothing here are refused before anything
// is looked up. Members that Okta's clients send and that change nothing here
// are accepted: options, context, profile, relayState (at most 2,048 bytes; it
// comes back in the answer to the same request and is never followed), and in
// the query rememberDevice, autoPush and updatePhone. Secrets in a query are
// refused. Set ReadHeaderTimeout and ReadTimeout on the [http.Server]: how
// slowly a body may arrive is its business.
//
// # Sessions
//
// A session token is good once. It is exchanged by a server, at
// /api/v1/sessions, or by the browser, at /login/sessionCookieRedirect, where it
// stands in the query because Okta's clients put it there. So that endpoint asks
// for more: a cookie (HttpOnly, SameSite=Lax, __Host-) that came with the very
// answer that said SUCCESS and that nobody can make from the token, and a
// redirectUrl of Config.RedirectURLs. Okta's clients expect a session token to
// last 5 minutes: give the service a [authn.Policy] with [SessionLife].
//
// Browsers of other origins need Config.Origins; a page of another site gets no
// SameSite cookie, so it has to exchange the token by its own server.
//
// # What differs from Okta on purpose
//
//   - Expiry is fixed: no request extends a transaction (10 minutes by default),
//     so that a code never outlives what it is for.
//   - The state token does not change within a transaction. After SUCCESS it is
//     good for nothing but cancel.
//   - A wrong, late or superseded code is one error, E0000068; E0000082 and
//     E0000083 are not used. The cause tells them apart.
//   - A waiting time follows from the fourth wrong code in a row (E0000047), and
//     the account locks from the tenth; the numbers are [authn.Policy]'s.
//   - A mail goes out every 30 s or slower, and three times in a transaction;
//     then the resend link is gone.
//   - The code that was sent survives going back to MFA_REQUIRED; choosing its
//     factor again within the waiting time leads to MFA_CHALLENGE without a mail.
//   - The e-mail address is never the client's: a profile is not read. It is shown
//     with less of it, as a***@e***.com.
//   - A factor is addressed by its id, never by its type. One that is not to be
//     had is 404 E0000007.
//   - With one or more factors to choose from and none marked as required, a
//     user who cannot skip is shown every one as enrollment REQUIRED.
//   - No device is remembered; policy in answers says so.
//   - GET-state of a transaction that has succeeded is 401: the session token
//     goes to whoever finished it.
//   - A cancel link stands in SUCCESS, which has no state token: the client that
//     has it from before can use it.
//   - LOCKED_OUT publishes no link. Recovery, unlock, password change,
//     activation tokens, step-up (audience; stateToken with a password), trusted
//     applications and factor types other than email do not exist.
//   - No X-Rate-Limit headers: what is throttled says so itself.
//   - Paths, methods and bodies are taken as they are specified or not at all.
//
// A factor whose id is "." or ".." cannot be reached: clients take it out of
// the path.
package okta
