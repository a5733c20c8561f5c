package okta

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/authnfsm/authn"
)

// Paths that are needed outside the table, too. All are below BaseURL.
const (
	authnPath    = "/api/v1/authn"
	factorPath   = authnPath + "/factors/{id}"
	sessionsPath = "/api/v1/sessions"
	usersPath    = "/api/v1/users/" // belongs to another API: see usersAPI

	gatePath      = authnPath + "/gates/{id}" // {id} stands for the gate's state
	recoveryPath  = authnPath + "/recovery"
	unlockPath    = recoveryPath + "/unlock"
	linkPath      = recoveryPath + "/token"
	claimPath     = recoveryPath + "/factors/{id}" // {id} stands for SMS or CALL
	questionsPath = authnPath + "/factors/questions"
	pollSuffix    = "/poll"   // of the path that activates
	resendSuffix  = "/resend" // of the path that verifies
)

// An endpoint is one path of the API. Its entry in the table is all there is
// to it: requests are routed by it, links and errors name it, and the package
// documentation lists it.
type endpoint struct {
	method string
	path   string                       // {id} in it stands for a factor's id, or a gate's state
	takes  member                       // the members that a body may have
	long   bool                         // the body may have an attestation, which is longer than all others
	run    func(*exchange) (any, error) // returns the body of the answer
	needs  func(*Handler) bool          // whether the host has configured it; nil: it needs nothing
	does   []operation
}

// An operation is one thing that an endpoint does. The state of the
// transaction and the members of the request select it.
type operation struct {
	event authn.EventName // what the machine is asked for; "" if it is only looked at
	in    authn.State     // the state that has the operation, as clients see it; "": each that allows the event
	link  place           // where answers show the way to it
	name  string          // of the link next; "": that of the event
	with  string          // what a request brings besides the state token
	does  string          // what comes of it, for the documentation
}

// A place is where an answer has the link of an operation.
type place uint8

const (
	inErrors   place = iota // in no answer; errors name it
	nowhere                 // neither: another endpoint does the same
	nextLink                // _links.next
	resendLink              // _links.resend
	prevLink                // _links.prev
	skipLink                // _links.skip
	cancelLink              // _links.cancel
	enrollLink              // _links.enroll of each factor that may be enrolled
	verifyLink              // _links.verify of each factor to choose from
)

// relayed is what every request of a sign-in may bring.
const relayed = stateToken | relayState

// endpoints is the API, in the order in which the package documentation has
// it. Members that an endpoint takes and does not use are those that Okta's
// own clients send.
var endpoints = []endpoint{
	{
		method: http.MethodPost, path: authnPath, run: (*exchange).primary,
		takes: relayed | username | password | options | deviceContext | token,
		does: []operation{
			{event: authn.EventPrimary, with: "with username and password", does: "begins a sign-in"},
			{with: "with the stateToken alone", does: "tells where the transaction stands"},
			{event: authn.EventOpen, link: nowhere, with: "with a token that the host has handed out", does: "goes on with what it is for"},
		},
	},
	{
		method: http.MethodPost, path: authnPath + "/introspect", run: (*exchange).status,
		takes: relayed,
		does:  []operation{{does: "tells the same"}},
	},
	{
		method: http.MethodPost, path: authnPath + "/factors", run: (*exchange).enroll,
		takes: relayed | factorType | provider | profile | passCode,
		does: []operation{
			{event: authn.EventEnroll, in: authn.MFAEnroll, link: enrollLink, with: "with factorType and provider", does: "enrolls a factor, and sends a code if its type does"},
		},
	},
	{
		method: http.MethodGet, path: questionsPath, run: (*exchange).questions, needs: (*Handler).hasQuestions,
		does: []operation{{does: "lists the questions that a user may choose from"}},
	},
	{
		method: http.MethodPost, path: factorPath + "/lifecycle/activate", run: (*exchange).activate, long: true,
		takes: relayed | passCode | profile | attestation | clientData | transports | clientExtensions | credentialID,
		does: []operation{
			{event: authn.EventActivate, in: authn.MFAEnrollActivate, link: nextLink, with: "with the passCode", does: "confirms the factor"},
		},
	},
	{
		method: http.MethodPost, path: factorPath + "/lifecycle/activate" + pollSuffix, run: (*exchange).pairing,
		takes: relayed,
		does: []operation{
			{event: authn.EventActivate, in: authn.MFAEnrollActivate, link: nowhere, does: "asks whether the device was paired"},
		},
	},
	{
		method: http.MethodPost, path: factorPath + "/lifecycle/resend", run: (*exchange).resendEnrollment,
		takes: relayed | factorType | provider | profile,
		does: []operation{
			{event: authn.EventResend, in: authn.MFAEnrollActivate, link: resendLink, does: "sends another code"},
		},
	},
	{
		method: http.MethodPost, path: factorPath + "/verify", run: (*exchange).verify,
		takes: relayed | passCode | answer | assertion | clientExtensions | credentialID | rememberDevice | autoPush,
		does: []operation{
			{event: authn.EventChallenge, in: authn.MFARequired, link: verifyLink, with: "without a passCode: one is sent"},
			{event: authn.EventVerify, in: authn.MFARequired, with: "with the passCode", does: "checks it, if none has to be sent"},
			{event: authn.EventResend, in: authn.MFAChallenge, link: nowhere, with: "without a passCode", does: "another one is sent"},
			{event: authn.EventVerify, in: authn.MFAChallenge, link: nextLink, with: "with the passCode", does: "checks it"},
		},
	},
	{
		method: http.MethodPost, path: factorPath + "/verify" + resendSuffix, run: (*exchange).resendSignIn,
		takes: relayed | factorType | provider | profile,
		does: []operation{
			{event: authn.EventChallenge, in: authn.MFARequired, link: nowhere, does: "sends a code"},
			{event: authn.EventResend, in: authn.MFAChallenge, link: resendLink, does: "sends another code"},
		},
	},
	{
		method: http.MethodPost, path: authnPath + "/credentials/change_password", run: (*exchange).changePassword,
		takes: relayed | oldPassword | newPassword | revokeSessions,
		does: []operation{
			{event: authn.EventChangePassword, in: authn.PasswordWarn, link: nextLink, name: "changePassword", with: "with oldPassword and newPassword", does: "changes the password"},
			{event: authn.EventChangePassword, in: authn.PasswordExpired, link: nextLink, name: "changePassword", with: "with oldPassword and newPassword", does: "changes the password"},
		},
	},
	{
		method: http.MethodPost, path: authnPath + "/credentials/reset_password", run: (*exchange).resetPassword,
		takes: relayed | newPassword | revokeSessions,
		does: []operation{
			{event: authn.EventResetPassword, in: authn.PasswordReset, link: nextLink, name: "resetPassword", with: "with newPassword", does: "sets the password"},
		},
	},
	{
		method: http.MethodPost, path: recoveryPath + "/password", run: (*exchange).recoverPassword, needs: (*Handler).hasRecovery,
		takes: relayed | username | factorType,
		does:  []operation{{event: authn.EventClaim, link: nowhere, with: "with username and factorType", does: "mails a link, or sends a code, to reset the password; a trusted server gets the recoveryToken without a factorType"}},
	},
	{
		method: http.MethodPost, path: unlockPath, run: (*exchange).unlock, needs: (*Handler).hasRecovery,
		takes: relayed | username | factorType,
		does:  []operation{{event: authn.EventClaim, link: nowhere, with: "with username and factorType", does: "mails a link, or sends a code, to unlock the account; a trusted server gets the recoveryToken without a factorType"}},
	},
	{
		method: http.MethodPost, path: linkPath, run: (*exchange).openLink, needs: (*Handler).hasRecovery,
		takes: relayed | recoveryToken | options,
		does:  []operation{{event: authn.EventOpen, link: nowhere, with: "with the recoveryToken of a link", does: "goes on with what it is for"}},
	},
	{
		method: http.MethodPost, path: claimPath + "/verify", run: (*exchange).verifyClaim, needs: (*Handler).hasRecovery,
		takes: relayed | passCode,
		does:  []operation{{event: authn.EventVerify, in: authn.RecoveryChallenge, link: nextLink, with: "with the passCode", does: "checks it"}},
	},
	{
		method: http.MethodPost, path: claimPath + "/resend", run: (*exchange).resendClaim, needs: (*Handler).hasRecovery,
		takes: relayed | factorType,
		does:  []operation{{event: authn.EventResend, in: authn.RecoveryChallenge, link: resendLink, does: "sends another code"}},
	},
	{
		method: http.MethodPost, path: recoveryPath + "/answer", run: (*exchange).answerQuestion, needs: (*Handler).hasRecovery,
		takes: relayed | answer,
		does:  []operation{{event: authn.EventAnswer, in: authn.Recovery, link: nextLink, with: "with the answer", does: "checks it"}},
	},
	{
		method: http.MethodPost, path: authnPath + "/consent", run: (*exchange).consent, long: true,
		takes: relayed | consent,
		does:  []operation{{event: authn.EventPass, in: consentRequired, link: nextLink, name: "consent", with: "with consent", does: "consents"}},
	},
	{
		method: http.MethodPost, path: authnPath + "/enroll", run: (*exchange).register, long: true,
		takes: relayed | registration,
		does:  []operation{{event: authn.EventPass, in: profileRequired, link: nextLink, name: "enroll", with: "with registration", does: "completes the profile"}},
	},
	{
		method: http.MethodPost, path: authnPath + "/device/activate", run: (*exchange).activateDevice,
		takes: relayed | userCode,
		does:  []operation{{event: authn.EventPass, in: deviceActivate, link: nextLink, name: "deviceActivate", with: "with userCode", does: "activates the device that shows it"}},
	},
	{
		method: http.MethodPost, path: gatePath, run: (*exchange).pass, long: true,
		takes: relayed | gateInput,
		does:  []operation{{event: authn.EventPass, in: anyGate, link: nextLink, name: "pass", with: "with input", does: "passes it"}},
	},
	{
		method: http.MethodPost, path: authnPath + "/previous", run: (*exchange).previous,
		takes: relayed,
		does:  []operation{{event: authn.EventPrevious, link: prevLink, does: "goes one step back"}},
	},
	{
		method: http.MethodPost, path: authnPath + "/skip", run: (*exchange).skip,
		takes: relayed,
		does:  []operation{{event: authn.EventSkip, link: skipLink, does: "goes on without enrolling, if no required factor is missing, or without changing the password"}},
	},
	{
		method: http.MethodPost, path: authnPath + "/cancel", run: (*exchange).cancel,
		takes: relayed,
		does:  []operation{{event: authn.EventCancel, link: cancelLink, does: "ends the transaction; in SUCCESS it voids the session token"}},
	},
	{
		method: http.MethodPost, path: sessionsPath, run: (*exchange).session, needs: (*Handler).hasSessions,
		takes: sessionToken | stateToken | sid | token,
		does:  []operation{{event: authn.EventRedeem, with: "with the sessionToken", does: "gives a server a session for it"}},
	},
	{
		method: http.MethodGet, path: "/login/sessionCookieRedirect", run: (*exchange).redirect, needs: (*Handler).hasRedirects,
		does: []operation{{event: authn.EventRedeem, link: nowhere, with: "with token and redirectUrl in the query", does: "gives a browser a session for it"}},
	},
	{
		method: http.MethodGet, path: stepUpPath, run: (*exchange).original, needs: (*Handler).hasRedirects,
		does: []operation{{event: authn.EventRedeem, link: nowhere, with: "with stateToken and redirectUrl in the query", does: "does so after a step-up"}},
	},
}

func (h *Handler) hasSessions() bool  { return h.cfg.Sessions != nil }
func (h *Handler) hasRedirects() bool { return h.cfg.Sessions != nil && len(h.redirects) > 0 }
func (h *Handler) hasQuestions() bool { return len(h.cfg.Questions) > 0 }

// find returns the endpoint of a path as it was sent: only a factor's id may be
// escaped in it, and a slash may end it. It keeps both in x.
func (x *exchange) find(path string) (*endpoint, error) {
	path = strings.TrimSuffix(path, "/")
	for i := range endpoints {
		e := &endpoints[i]
		escaped, ok := e.match(path)
		if !ok || e.needs != nil && !e.needs(x.h) {
			continue
		}
		if e.hasID() {
			id, err := url.PathUnescape(escaped)
			if err != nil || !visible(id) {
				return nil, fault(invalid, "%s: 1 to 64 printable ASCII characters are expected", e.what())
			}
			x.factor = id
		}
		x.at = e
		return e, nil
	}
	return nil, fault(noPath, "")
}

// match reports whether path is one of the endpoint's, and returns the id in it.
func (e *endpoint) match(path string) (id string, ok bool) {
	before, after, hasID := strings.Cut(e.path, "{id}")
	if !hasID {
		return "", path == e.path
	}
	rest, ok := strings.CutPrefix(path, before)
	if !ok {
		return "", false
	}
	id, ok = strings.CutSuffix(rest, after)
	return id, ok && !strings.Contains(id, "/")
}

func (e *endpoint) hasID() bool { return strings.Contains(e.path, "{id}") }

// what the id in the path is of.
func (e *endpoint) what() string {
	if e.path == gatePath {
		return "gate"
	}
	return "factorId"
}

// has reports whether the endpoint asks the machine for event in state.
func (e *endpoint) has(event authn.EventName, state authn.State) bool {
	for i := range e.does {
		if o := &e.does[i]; o.event == event && (o.in == "" || o.in == state) {
			return true
		}
	}
	return false
}
