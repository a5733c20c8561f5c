package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"time"
)

const appPeriod = 30 * time.Second

// shownCode is what an authenticator app shows at a time, and until when: RFC 6238.
func shownCode(secret string, at time.Time) (code string, until time.Time) {
	key, err := base32Text.DecodeString(secret)
	if err != nil {
		return "", at
	}
	step := at.Unix() / int64(appPeriod/time.Second)
	h := hmac.New(sha1.New, key)
	binary.Write(h, binary.BigEndian, step)
	sum := h.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000), time.Unix((step+1)*int64(appPeriod/time.Second), 0)
}
