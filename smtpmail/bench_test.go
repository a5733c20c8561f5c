package smtpmail_test

import (
	"testing"

	"github.com/authnfsm/authn/smtpmail"
)

// BenchmarkSend is one mail, with a login, over a connection of its own or a kept one.
func BenchmarkSend(b *testing.B) {
	for name, mode := range map[string]smtpmail.TLSMode{"Plaintext": smtpmail.Plaintext, "StartTLS": smtpmail.StartTLS} {
		for of, n := range map[string]int{"own": 0, "kept": 4} {
			b.Run(name+"/"+of, func(b *testing.B) {
				s := (&server{mode: mode, mechs: []string{"PLAIN"}}).start(b)
				m := s.open(b, keep(n))
				for b.Loop() {
					if err := m.Send(b.Context(), code()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
