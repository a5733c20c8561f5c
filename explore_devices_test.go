package authn

import (
	"encoding/binary"
	"slices"
	"time"
)

// A remembered device, in explorations: one for the mailbox at its usual address, until
// shortly after the explorations begin.

var (
	deviceKey = secretOf(77)
	onDevice  = Login{User: "ada", Device: tokenOf(deviceKey)}
	untilSoon = 3 * tick
)

// tokenOf is the token of the device, for explorations whose machines have the same keys.
func tokenOf(h TokenSecret) Secret {
	m, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo})
	if err != nil {
		panic(err)
	}
	return Secret(m.mint(deviceKind, h, m.pseudonym("ada")))
}

// start is the account that an exploration begins with.
func (x *explorer) start() (a Account) {
	if !x.device {
		return a
	}
	a.user, a.seen = "ada", zero.UnixNano()
	s := x.m.fresh()
	s.acct = &a
	f := mailbox(Active, usualBox, false)
	l, fault := s.checked(&f)
	if fault != "" {
		x.t.Fatal(fault)
	}
	p, sum := s.pin(&l), deviceKey.digest()
	b := append(sum[:deviceHash:deviceHash], s.deviceTag(p.id, p.recipient)...)
	b = binary.BigEndian.AppendUint32(b, uint32(zero.Add(-hour).Unix()))
	a.devices = devices(binary.BigEndian.AppendUint32(b, uint32(zero.Add(untilSoon).Unix())))
	return a
}

// devices makes the times of remembered devices canonical: only their end counts.
func (c *canon) devices(a *Account) {
	a.devices.trim(c.now-c.fall, &c.m.policy)
	if a.devices == "" {
		return
	}
	a.devices.shift(zero.UnixNano() - c.now)
	b := []byte(a.devices)
	binary.BigEndian.PutUint32(b[deviceHash+deviceTag:], uint32(zero.Add(-hour).Unix()))
	a.devices = devices(b)
}

// isRemembered reports whether the login's device stands for a factor.
func (h *trial) isRemembered() bool {
	l := h.c.login
	if l.Device == "" || l.Fresh || l.Adding || l.Require == RequireNothing || l.Password != PasswordFine || h.a.devices == "" || h.now >= h.a.devices.moment(0, 1) {
		return false
	}
	required := slices.ContainsFunc(h.e.Factors, func(f Factor) bool { return f.Required && f.Status == NotSetUp })
	return !required && slices.ContainsFunc(h.e.Factors, func(f Factor) bool {
		return f.ID == "mail" && f.Address == usualBox && f.Status == Active && (l.Accept == nil || slices.Contains(l.Accept, f.Type))
	})
}

// S38: where a factor is demanded, none need be proved exactly on a device that is
// remembered for one that is active and counts; and only time and a new password forget it.
func deviceStandsForAFactor(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed || !h.x.device || h.c.host != "" {
		return false, ""
	}
	b := &h.r.Account
	if gone := h.a.devices != "" && b.devices == ""; gone && !h.newPassword() && h.now < h.a.devices.moment(0, 1) {
		return true, "the device is forgotten"
	}
	if h.newPassword() {
		return true, says(b.devices != "", "the device is remembered after a new password")
	}
	if h.c.op != opPrimary || h.r.Ended || h.c.login.Require == RequireNothing {
		return false, ""
	}
	t := &b.txs[h.r.slot]
	free := h.x.placeOf(h.x.m.stateOf(t)) > 0 && len(h.e.Factors) > 0
	return true, says(free != h.isRemembered() || free != (t.trusted != ""), "remembered: %t, went on without a factor: %t", h.isRemembered(), free)
}

// Sign-ins on a remembered device, whose factor may move, go or be joined by a required one.
var device = expedition{
	name: "device", live: 1, single: true, paths: true, device: true, policy: withDevices(near),
	views: append(usual[:1:1],
		view{name: "moved", fs: []Factor{mailbox(Active, movedBox, false)}},
		view{name: "joined", fs: []Factor{mailbox(Active, usualBox, false), spare(NotSetUp, true)}},
		view{name: "limited", fs: usual[0].fs, limit: tick},
	),
	begins: append(withStatus(" on the device", onDevice, 0),
		beginning{" on the device", onDevice, 0}, beginning{" on the device", onDevice, 1}, beginning{" on the device", onDevice, 2}, beginning{" on the device", onDevice, 3},
		beginning{" on the device afresh", Login{User: "ada", Device: onDevice.Device, Fresh: true}, 0}),
}

// Gates on a remembered device.
var deviceGates = expedition{
	name: "device-gates", live: 1, single: true, device: true, policy: withDevices(near), gates: twoGates,
	views:  needing(usual[0]),
	begins: []beginning{{" on the device", onDevice, 0}, {" on the device", onDevice, 1}, {" on the device", onDevice, 2}},
}

func withDevices(p Policy) Policy {
	p.Remember = 90 * 24 * time.Hour
	return p
}
