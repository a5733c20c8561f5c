package natsstore

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
)

// The names of streams, subjects and headers are those of every bucket.

func streamName(bucket string) string { return "KV_" + bucket }

// subjects is the prefix of the subjects of a bucket.
func subjects(bucket string) string { return "$KV." + bucket + "." }

const (
	operation = "KV-Operation"
	deletion  = "DEL"
)

// isMarker reports whether a message says that there is no record: one of this
// package, or one that another client or the server has put there.
func isMarker(h nats.Header) bool {
	return h.Get(operation) != "" || h.Get("Nats-Marker-Reason") != ""
}

// subject is that of the record under key. A key of a Service stands for itself.
func (s *Store) subject(key string) string {
	b := []byte(s.prefix)
	if key == "" {
		b = append(b, '=') // a token cannot be empty
	}
	for i := range len(key) {
		if c := key[i]; plain(c) {
			b = append(b, c)
		} else {
			b = fmt.Appendf(b, "=%02X", c)
		}
	}
	return string(b)
}

// plain reports a byte that stands for itself. A dot would begin another token.
func plain(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_'
}

// keyOf is the key of the record with the subject.
func (s *Store) keyOf(subject string) (string, error) {
	name := strings.TrimPrefix(subject, s.prefix)
	if name == "=" {
		return "", nil
	}
	parts := strings.Split(name, "=")
	key := parts[0]
	for _, p := range parts[1:] {
		b, err := hex.DecodeString(p[:min(2, len(p))])
		if err != nil || len(b) != 1 {
			return "", fmt.Errorf("subject %q is not that of a record", subject)
		}
		key += string(b) + p[2:]
	}
	return key, nil
}
