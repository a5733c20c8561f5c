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
// Set Config.BaseURL, or Config.BaseURLs for several hosts: Okta's native clients
// follow whole URLs only.
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
// All of this needs the state token alone, and no other API. A client that has sent
// options.multiOptionalFactorEnroll with username and password gets MFA_ENROLL again
// after each factor that it has enrolled, while there are others, with a link skip unless
// one of them is required.
//
// # Passwords that expire
//
// What Verified says of a password leads, after the last proof, to PASSWORD_EXPIRED or
// PASSWORD_RESET, and to PASSWORD_WARN if the client has sent
// options.warnBeforePasswordExpired with username and password: without it, a password
// that expires soon is not told. _embedded.policy has the rules for a new one, as
// Config.PasswordPolicy gives them, and expiration.passwordExpireDays: the whole days
// that are left.
//
//	POST _links.next {stateToken, oldPassword, newPassword}   in PASSWORD_WARN and PASSWORD_EXPIRED
//	POST _links.next {stateToken, newPassword}                in PASSWORD_RESET
//	POST _links.skip {stateToken}                             in PASSWORD_WARN
//
// A wrong old password is E0000014, and counted like a wrong code. A new one that is not
// good enough is E0000014 as well, and E0000080 in PASSWORD_RESET: errorCauses has the
// reasons, one in each, and nothing is counted. Passwords have at most 1,024 bytes.
// revokeSessions is taken and has no effect: other sign-ins end and devices are forgotten
// in any case, and sessions are the host's, which ends them where it stores the password.
//
// # Recovery
//
// With Config.Recovery, somebody who cannot sign in names an account, to reset its password
// or to unlock it. The answer is RECOVERY_CHALLENGE, whoever is named, and the message goes
// out after it. By e-mail it has a link, and the answer no state token; by text message or
// call a code, for the link next. The page of the link posts its token, once.
//
//	POST /api/v1/authn/recovery/password {username, factorType}   EMAIL, SMS or CALL
//	POST /api/v1/authn/recovery/unlock {username, factorType}
//	POST /api/v1/authn/recovery/token {recoveryToken}             of a mailed link
//	POST _links.next {stateToken, passCode}                       in RECOVERY_CHALLENGE, with a new state token in the answer
//	POST _links.next {stateToken, answer}                         in RECOVERY, where the host has a question
//
// A factor is proved before PASSWORD_RESET, if the user has an active one that is not at
// the same address or phone. One that becomes active later is asked for then: reset_password
// is answered with MFA_REQUIRED, and sent again after the proof. Without one, SUCCESS has
// no session token: the user signs in with the new password. So it is after an unlock.
// recoveryType tells which it was.
//
// A server of the host's own may leave out factorType: see Config.Trusted. The answer is
// RECOVERY with the recoveryToken, which the server delivers in its own way, and nothing is
// sent; or 403 E0000095, if the name is nobody's. The user needs an address at which e-mail
// would reach them, and a factor there does not count. The token is good until expiresAt.
//
// # Activation
//
// A token that the host has handed out, by [authn.Claim].HandOver, is taken by
//
//	POST /api/v1/authn {token}
//
// as well, where Okta has its activation tokens: for PurposeRecover it leads to the first
// password of a new user, for PurposeSignIn into a sign-in. What is wrong with it is not
// told: 401 E0000004.
//
// # Step-up
//
// An application that needs a sign-in, or more than a session rests on, calls
// [Handler.StepUp] and sends the browser to the sign-in page with the token in the query, as
// stateToken. The page posts it:
//
//	POST /api/v1/authn {stateToken}                       UNAUTHENTICATED with _embedded.target, if nobody is signed in; else what the session lacks
//	POST /api/v1/authn {stateToken, username, password}   as ever, for the application: a new state token
//	GET  _links.next                                      original, in SUCCESS: the session is made, and the browser goes to the application
//
// Answers have the type SESSION_STEP_UP. SUCCESS has no sessionToken.
//
// # Devices that are remembered
//
// With Config.Remember, a request to verify that has rememberDevice=true in its query, or
// as a member of its body if the query has none, makes the device one that is
// remembered once the sign-in succeeds. It is true or false; in the query any letter case
// will do, and a second one is refused. policy tells what is possible, as
// allowRememberDevice, rememberDeviceLifetimeInMinutes and rememberDeviceByDefault.
//
// A browser keeps the device's token in a cookie, one for each user and for the last 8 of
// them, which no script sees and which goes to this host alone (HttpOnly,
// SameSite=Strict, __Host-). A server of the host's own that speaks for many devices has
// it in authn.deviceToken of the answer SUCCESS, and sends it as context.deviceToken with
// username and password: see Config.Trusted. Of any other client context.deviceToken is
// checked for its form and not believed. Unlike Okta's, the token is not the client's to
// choose. It is never in a URL.
//
// # States of the host's own
//
// A state of Config.Gates of the Service is shown by its name, and the link next, named
// pass, takes what it asks for:
//
//	POST _links.next {stateToken, input}   a text is handed to the Gatekeeper as it is, anything else as JSON
//
// With a Status of Okta's, clients of Okta's know what to do: CONSENT_REQUIRED takes
// consent, by the link next with this name, and PROFILE_REQUIRED takes registration, by
// the link next named enroll. The Gatekeeper gets the member's value as JSON. Embedded
// has what is shown. DEVICE_ACTIVATE, by the link next named deviceActivate, takes the
// userCode that another device shows: one that is not right is a 200 with the
// deviceActivationStatus INVALID_USER_CODE in _embedded, as in Okta, and counted where the
// Gatekeeper says that it is wrong; SUCCESS has DEVICE_ACTIVATED, and a sessionToken.
//
// What is handed in and wrong is E0000068, and counted like a wrong code; what is
// rejected is E0000001 with the reasons in errorCauses, and not counted; if the host
// denies it, that is E0000006, and the sign-in is over. In all, a body has at most 16 KiB.
//
// # Types of factors
//
// Config.Types says how a type of the host's is shown. Okta's name for a type says
// what its requests and answers have of their own:
//
//	email, sms, call     a code is sent, and comes back as passCode
//	token:software:totp  an authenticator app, of the provider GOOGLE or OKTA: _embedded.activation has the sharedSecret and
//	                     a qrcode; to prove it, the passCode comes in MFA_REQUIRED, and a request without one is refused
//	token:hotp           recovery codes, of the provider CUSTOM, since Okta has none: authn.codes has them while they are
//	                     enrolled; to prove it, the passCode comes in MFA_REQUIRED, as of an app
//	token:hardware       a type of the host's own, such as YUBICO, and token: the passCode of the enrollment confirms it;
//	                     to prove it, the passCode comes in MFA_REQUIRED, as of an app
//	question             profile.question (or questionText) and profile.answer enroll and confirm it in one request; the
//	                     answer is taken in MFA_REQUIRED as well
//	webauthn             _embedded.activation and _embedded.challenge are the options of the Verifier's prompt; attestation
//	                     and clientData confirm a key, and clientData, authenticatorData and signatureData prove one
//	push                 another device answers: see below
//
// Any other name is that of a type whose code comes as passCode.
//
// A Verifier of the type question gets the answer as it is, and, to enroll, a JSON
// object with question, which is the questionText if there is no key, questionText and
// answer; if its prompt is an object with question and questionText, a challenge shows
// them. One of the type webauthn gets what
// PublicKeyCredential.toJSON writes, and its prompt is what parseCreationOptionsFromJSON
// and parseRequestOptionsFromJSON read, alone or in a member publicKey. id and rawId
// are there if the client named the key in the member credentialId, which Okta's do
// not, if it is being enrolled, or if allowCredentials has it alone; else the Verifier
// tries each key. If allowCredentials has several, the challenge is shown by type, and
// MFA_REQUIRED has factorTypes with a link to webauthn/verify.
//
// A client of push polls: it posts to the link next as long as that is named poll
// and factorResult is WAITING. The number that the device is to be told is
// _embedded.factor._embedded.challenge.correctAnswer. REJECTED and TIMEOUT end the
// waiting. They are told once: next is then the link to send another message, and so
// is the next request to verify. TIMEOUT also says that another sign-in asks the device.
// While a device is being paired, authn.pairing is the token for it, which
// [authn.Service.Respond] takes; CANCELLED ends that, and next begins again. How the
// device gets its message and calls the host is the host's own.
//
// The link qrcode, which needs Config.QR, is a data URL: the secret is in no address
// that is asked for, logged or passed on, and a page that shows it needs "img-src
// data:" in its policy.
//
// # Endpoints
//
// A POST brings a JSON object with the stateToken and with what the list
// says. The first operation and the last two take no stateToken. A slash at the
// end of a path changes nothing. {id} is that of a factor, and of gates the name of the
// state.
//
//	POST /api/v1/authn                                       with username and password: begins a sign-in
//	POST /api/v1/authn                                       with the stateToken alone: tells where the transaction stands
//	POST /api/v1/authn                                       with a token that the host has handed out: goes on with what it is for
//	POST /api/v1/authn/introspect                            tells the same
//	POST /api/v1/authn/factors                               in MFA_ENROLL, with factorType and provider: enrolls a factor, and sends a code if its type does
//	GET  /api/v1/authn/factors/questions                     lists the questions that a user may choose from
//	POST /api/v1/authn/factors/{id}/lifecycle/activate       in MFA_ENROLL_ACTIVATE, with the passCode: confirms the factor
//	POST /api/v1/authn/factors/{id}/lifecycle/activate/poll  in MFA_ENROLL_ACTIVATE: asks whether the device was paired
//	POST /api/v1/authn/factors/{id}/lifecycle/resend         in MFA_ENROLL_ACTIVATE: sends another code
//	POST /api/v1/authn/factors/{id}/verify                   in MFA_REQUIRED, without a passCode: one is sent
//	POST /api/v1/authn/factors/{id}/verify                   in MFA_REQUIRED, with the passCode: checks it, if none has to be sent
//	POST /api/v1/authn/factors/{id}/verify                   in MFA_CHALLENGE, without a passCode: another one is sent
//	POST /api/v1/authn/factors/{id}/verify                   in MFA_CHALLENGE, with the passCode: checks it
//	POST /api/v1/authn/factors/{id}/verify/resend            in MFA_REQUIRED: sends a code
//	POST /api/v1/authn/factors/{id}/verify/resend            in MFA_CHALLENGE: sends another code
//	POST /api/v1/authn/credentials/change_password           in PASSWORD_WARN, with oldPassword and newPassword: changes the password
//	POST /api/v1/authn/credentials/change_password           in PASSWORD_EXPIRED, with oldPassword and newPassword: changes the password
//	POST /api/v1/authn/credentials/reset_password            in PASSWORD_RESET, with newPassword: sets the password
//	POST /api/v1/authn/recovery/password                     with username and factorType: mails a link, or sends a code, to reset the password; a trusted server gets the recoveryToken without a factorType
//	POST /api/v1/authn/recovery/unlock                       with username and factorType: mails a link, or sends a code, to unlock the account; a trusted server gets the recoveryToken without a factorType
//	POST /api/v1/authn/recovery/token                        with the recoveryToken of a link: goes on with what it is for
//	POST /api/v1/authn/recovery/factors/{id}/verify          in RECOVERY_CHALLENGE, with the passCode: checks it
//	POST /api/v1/authn/recovery/factors/{id}/resend          in RECOVERY_CHALLENGE: sends another code
//	POST /api/v1/authn/recovery/answer                       in RECOVERY, with the answer: checks it
//	POST /api/v1/authn/consent                               in CONSENT_REQUIRED, with consent: consents
//	POST /api/v1/authn/enroll                                in PROFILE_REQUIRED, with registration: completes the profile
//	POST /api/v1/authn/device/activate                       in DEVICE_ACTIVATE, with userCode: activates the device that shows it
//	POST /api/v1/authn/gates/{id}                            in a state of the host's own, with input: passes it
//	POST /api/v1/authn/previous                              goes one step back
//	POST /api/v1/authn/skip                                  goes on without enrolling, if no required factor is missing, or without changing the password
//	POST /api/v1/authn/cancel                                ends the transaction; in SUCCESS it voids the session token
//	POST /api/v1/sessions                                    with the sessionToken: gives a server a session for it
//	GET  /login/sessionCookieRedirect                        with token and redirectUrl in the query: gives a browser a session for it
//	GET  /login/step-up/redirect                             with stateToken and redirectUrl in the query: does so after a step-up
//
// In MFA_REQUIRED an empty passCode is as good as none, since Okta's widget asks
// for a code with an empty one. In every other state it is a malformed code: 400
// E0000001. It is not counted, and no mail replaces the code that is out.
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
//	  "factors": [{"id": "…", "at": "…"}],           factors that cannot be chosen yet, and from when
//	  "triesLeft": 9,                                wrong codes that are left
//	  "generation": 2,                               number of the code that was sent last
//	  "resendAt": "…",                               when another code may be asked for
//	  "codeExpiresAt": "…",                          when the code stops being good, if it can be entered before
//	  "now": "…",                                    the server's clock, for countdowns
//	  "delivery": "sent",                            or pending, or failed
//	  "codes": ["…"],                                recovery codes, while they are enrolled
//	  "codesLeft": 9,                                how many are left, also in the SUCCESS that one has led to
//	  "pairing": "…",                                the token for a device that is being paired
//	  "deviceToken": "…",                            in SUCCESS, for a trusted server, of a device that is remembered
//	  "passwordExpiresAt": "…",                      in PASSWORD_WARN
//	  "lockedUntil": "…"                             in LOCKED_OUT, if the lock ends by itself
//	}
//
// The request header Idempotency-Key (1 to 64 printable ASCII characters) is
// the key of [authn.WithKey]. A client that lost an answer sends the request
// again under the same key: if nothing was saved since, it is answered and not
// done again. Once the transaction has ended, only the request that ended it has
// an answer, and a session token in it is the one that was given before; any
// other is 401 E0000011. The header has no effect on the password step, nor on
// requests that change nothing.
//
// # Errors
//
// Errors have Okta's form, codes and statuses; the texts are ours. errorCauses
// says what went wrong and what to do; its first entry is fit for users to
// read.
//
//	400 E0000001  a member is missing, unknown, too long or of a wrong type; or a code is malformed, or what a gate asks for is rejected, which is not counted
//	400 E0000003  the body is not one strict JSON object (413 if it is longer than 8 KiB, or with an attestation, or to a gate, 16 KiB)
//	400 E0000021  Content-Type is not application/json in UTF-8, or a Content-Encoding is not identity
//	401 E0000004  the user name or the password is wrong: one answer for every reason
//	401 E0000011  the token is unknown, foreign, expired, canceled, locked or used: one answer for all
//	403 E0000005  a state token came in a URL, or in place of a session or an API key: the causes name what is allowed
//	403 E0000006  a preflight of an origin that is not on the list; or the host denies what was handed in, and the sign-in is over
//	403 E0000014  the old password is wrong, or the new one is not good enough: the causes say which
//	403 E0000034  passwords cannot be recovered, or accounts not unlocked, here
//	403 E0000068  the code is wrong, superseded, late or used, or there is none to compare with: the cause says which
//	403 E0000069  the code, or the old password, is wrong and it was the last try: the transaction is over, or the account is locked
//	403 E0000080  the new password is not good enough, in PASSWORD_RESET: the causes say why
//	403 E0000079  not allowed in this state: the causes name what is, and the links to it
//	403 E0000085  a second factor is demanded, and the user has none that can be proved here or enrolled
//	403 E0000087  the answer to the question is wrong
//	403 E0000095  the name is nobody's: told to trusted servers only
//	404 E0000007  there is no such factor here, for whatever reason
//	404 E0000008  there is no such path
//	405 E0000022  another method is expected
//	429 E0000047  too many tries: Retry-After says when to go on
//	429 E0000118  too many codes, by whatever channel: Retry-After says when to go on
//	500 E0000009  a fault and no verdict, which trying again does not end; Config.Report learns of it
//	503 E0000009  a fault and no verdict, which may pass: Retry-After; Config.Report learns of it
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
// A member that is null is the same as one that is missing, whatever its name:
// some of Okta's clients cannot leave a member out.
//
// Members that Okta's clients send and that change nothing are accepted: what else
// options and context have, profile, revokeSessions and relayState in the body, and
// autoPush and updatePhone in the query. What else a profile has, and transports or
// clientExtensions that cannot be read, are passed over. Every request of a sign-in
// may bring
// relayState. It has at most 2,048 bytes, comes back in the answer to the same
// request and is never followed. Secrets in a query are refused.
//
// The handler does not limit how slowly a body may arrive: set
// ReadHeaderTimeout and ReadTimeout of the [http.Server].
//
// # Sessions
//
// A session token is good once. A server exchanges it at /api/v1/sessions, a
// browser at /login/sessionCookieRedirect or /login/step-up/redirect. There the
// token stands in the query, because Okta's clients put it there; so the endpoint asks for two
// things more. One is a cookie that came with the answer that said SUCCESS and
// that nobody can make from the token (HttpOnly, SameSite=Lax, __Host-). The
// other is a redirectUrl that Config.RedirectURLs has. Okta's clients expect a
// session token to last 5 minutes: set [authn.Policy].SessionLife to
// [SessionLife].
//
// Each session token has a cookie of its own, so tabs of one browser can sign in
// at the same time; a browser keeps the last 8. Whoever loads the redirect again,
// by a second click, is sent on without a second session, also if the token has
// expired or was voided. The application asks for a session as always.
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
//   - A wrong, a late, a superseded and a used code have one error, E0000068, and
//     the cause tells them apart. E0000082 and E0000083 are not used.
//   - From the fourth wrong code in a row on, the next try has to wait
//     (E0000047), and the account locks at the tenth. These are the defaults of
//     [authn.Policy].
//   - A transaction sends three mails, at least 30 s apart. Then the resend
//     link is gone.
//   - A code survives going back to MFA_REQUIRED. Choosing its factor again
//     before another mail may go out leads to MFA_CHALLENGE without a mail.
//   - The client never names an address: of a profile only a question and its
//     answer are read. Answers show an address in part, as a...a@example.com.
//   - A factor is addressed by its id, and by its type only if that is webauthn. A
//     factor that the user cannot have is 404 E0000007.
//   - The way to a new message of push is the link resend, or next once there is
//     nothing to wait for: to verify without a passCode sends one only then.
//   - A factor whose codes the user has, such as an app, is never in MFA_CHALLENGE.
//   - A device that rejects a sign-in counts like a wrong code, and may end it: the
//     next poll is 401 E0000011 then.
//   - If a user cannot skip, and there is one factor to enroll, it has the enrollment
//     REQUIRED, also if it is not marked as required.
//   - The token of a device that is remembered is the server's, and good for one user.
//   - The state of a transaction that has succeeded is 401: the session token
//     is in the answer to the request that finished it and to its exact repeat
//     under an Idempotency-Key, so that nobody who began a sign-in can wait for
//     somebody else to finish it.
//   - SUCCESS has a cancel link and no state token: a client that kept the state
//     token can use it.
//   - LOCKED_OUT has the link unlock, with Config.Recovery and if the lock ends, and no other.
//   - A new password is stored by the time that the session token is redeemed. It is
//     changed after the second factor was proved, also where it is to be reset.
//   - The deprecated audience of a step-up, what trusted applications may do besides
//     context.deviceToken and a recovery without factorType, and factors that other servers
//     prove (web, claims_provider, assertion) do not exist.
//   - SUCCESS of a step-up has no state token: its link next has the token that leads on,
//     which is good once and in this browser only.
//   - An activation token leads to PASSWORD_RESET with the recoveryType PASSWORD.
//   - There are no X-Rate-Limit headers: an answer that throttles says so itself.
//   - Paths, methods and bodies are as specified here, or are refused.
//
// A factor whose id is "." or ".." cannot be reached, because clients remove
// it from the path.
package okta
