// Package httphost is a host on net/http: a handler that takes the events of a sign-in as
// JSON, keeps its tokens in cookies that no script reads, and makes the host's session at
// the end. It imports nothing but the standard library and authn.
//
// [New] makes an [http.Handler] from the service, the host's check of passwords and its
// maker of sessions. It serves paths at its root; mount it where sign-ins belong:
//
//	mux.Handle("/signin/", http.StripPrefix("/signin", h))
//
// The handler keeps nothing between requests: any number of processes with the same store
// and keys can serve one sign-in.
//
// # Requests
//
// Each event of the table has a path of its name. All are POST, with a JSON object of at
// most 32 KiB as their body, and without members that they do not have:
//
//	POST begin            {name, password}
//	POST claim            {name, for, by}      who cannot or will not show a password
//	POST open             {link}               the link of a claim's message
//	POST passkey/request  {}                   then a passkey of whoever it is:
//	POST passkey          {response}
//	POST challenge        {factor}             and so on: [OpenAPI] has all of them
//	POST verify           {factor, code, response, remember}
//	GET  /                                     where the sign-in stands
//
// Each answer is a [View], and so is each refusal. The first one has the name of the
// sign-in in signIn. It is no secret. The tab keeps it, as in sessionStorage, and sends it
// in the header Sign-In with each event that follows, also with the one that begins its
// next sign-in: that has another name, and the browser forgets the cookie of the old one.
//
// A client that draws an Idempotency-Key for each event, of 1 to 64 printable ASCII
// characters, may send both again after a fault: the event is taken once. See
// [authn.WithKey]. Begin, claim and passkey/request have none.
//
// # Status codes
//
// 200 is an event that was taken, also one with a wrong code: outcome says so. Else error
// has a word, and nothing has changed:
//
//	400  malformed
//	401  password, finished                     begin again
//	403  no_user, no_factor, locked, cross_origin
//	404  unknown_path
//	405  method
//	409  not_allowed, not_offered, required, no_code, used, waiting, exhausted
//	413  too_large
//	415  media_type
//	422  key_reused
//	429  too_soon                               Retry-After and retryAt say when
//	503  unavailable                            the outcome is unknown: send the same again
//
// What pages of other sites send is refused, by [http.CrossOriginProtection].
package httphost
