package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
)

// ring returns the keys, the one in use first, and the pseudonym key. No error quotes
// one: the causes of decoders would.
func (o *options) ring() (keys []authn.Key, pseudonym []byte, err error) {
	if o.keys != "" {
		if keys, pseudonym, err = readKeys(o.keys); err != nil {
			return nil, nil, wrong("-keys: %v", err)
		}
		return keys, pseudonym, nil
	}
	list := o.getenv("AUTHN_KEYS")
	if list == "" {
		return nil, nil, wrong("no keys: name a file with -keys, or set AUTHN_KEYS and AUTHN_PSEUDONYM_KEY as for the host")
	}
	for i, item := range strings.Split(list, ",") {
		id, secret, _ := strings.Cut(strings.TrimSpace(item), ":")
		n, bad := strconv.ParseUint(id, 10, 32)
		b, err := base64.StdEncoding.DecodeString(secret)
		if bad != nil || err != nil {
			return nil, nil, wrong("AUTHN_KEYS: the entry at place %d is not ID:BASE64", i+1)
		}
		keys = append(keys, authn.Key{ID: uint32(n), Secret: b})
	}
	if pseudonym, err = base64.StdEncoding.DecodeString(o.getenv("AUTHN_PSEUDONYM_KEY")); err != nil || len(pseudonym) == 0 {
		return nil, nil, wrong("AUTHN_PSEUDONYM_KEY is not set, or not BASE64")
	}
	return keys, pseudonym, nil
}

// readKeys reads a file of keys. It may have more in it.
func readKeys(file string) ([]authn.Key, []byte, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, nil, err
	}
	if m := st.Mode().Perm(); m&0o077 != 0 {
		return nil, nil, fmt.Errorf("%s: mode is %04o: others than its owner may read it: chmod 600 %[1]s", file, m)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	var in struct {
		Keys []struct {
			ID     uint32 `json:"id"`
			Secret []byte `json:"secret"`
		} `json:"keys"`
		Pseudonym []byte `json:"pseudonymKey"`
	}
	if json.Unmarshal(b, &in) != nil || len(in.Keys) == 0 {
		return nil, nil, fmt.Errorf(`%s: not a file of keys: want {"keys": [{"id": 1, "secret": "BASE64"}], "pseudonymKey": "BASE64"}`, file)
	}
	var keys []authn.Key
	for _, k := range in.Keys {
		keys = append(keys, authn.Key{ID: k.ID, Secret: k.Secret})
	}
	return keys, in.Pseudonym, nil
}
