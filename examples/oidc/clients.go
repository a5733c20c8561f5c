package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// registration is a client as the file of -clients has it. Redirect URIs are compared as
// they are written.
type registration struct {
	ID                     string   `json:"id"`
	Secret                 string   `json:"secret"`
	RedirectURIs           []string `json:"redirect_uris"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris"`
	NoPKCE                 bool     `json:"no_pkce"` // for an old client, and for the conformance suite
}

// registered is a client as the library asks for it: op.Client. All are confidential.
type registered struct{ registration }

func (c *registered) GetID() string                       { return c.ID }
func (c *registered) RedirectURIs() []string              { return c.registration.RedirectURIs }
func (c *registered) PostLogoutRedirectURIs() []string    { return c.registration.PostLogoutRedirectURIs }
func (c *registered) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c *registered) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (c *registered) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c *registered) GrantTypes() []oidc.GrantType         { return []oidc.GrantType{oidc.GrantTypeCode} }
func (c *registered) LoginURL(id string) string            { return signInURL(id, "") }
func (c *registered) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeBearer }
func (c *registered) IDTokenLifetime() time.Duration       { return tokenLife }
func (c *registered) DevMode() bool                        { return false }
func (c *registered) IsScopeAllowed(string) bool           { return false }
func (c *registered) IDTokenUserinfoClaimsAssertion() bool { return false }
func (c *registered) ClockSkew() time.Duration             { return 0 }
func (c *registered) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (c *registered) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// register reads the file, if there is one, and returns all clients by id.
func register(list []registration, file string) (map[string]*registered, error) {
	if file != "" {
		var more []registration
		b, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(b, &more)
		}
		if err != nil {
			return nil, fmt.Errorf("-clients: %w", err)
		}
		list = slices.Concat(list, more) // the caller's own stays as it is
	}
	all := map[string]*registered{}
	for _, c := range list {
		if c.ID == "" || len(c.Secret) < 16 || all[c.ID] != nil {
			return nil, fmt.Errorf("client %q: an id of its own and a secret of 16 bytes are expected", c.ID)
		}
		all[c.ID] = &registered{c}
	}
	return all, nil
}

// GetClientByClientID implements op.Storage.
func (s *store) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if c := s.clients[id]; c != nil {
		return c, nil
	}
	return nil, oidc.ErrInvalidClient().WithDescription("The client is not known.")
}

// AuthorizeClientIDSecret implements op.Storage.
func (s *store) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if c := s.clients[id]; c == nil || subtle.ConstantTimeCompare([]byte(hashed(c.Secret)), []byte(hashed(secret))) != 1 {
		return errUnknown
	}
	return nil
}

// signingKey signs ID tokens: op.SigningKey, and with public op.Key.
type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

type publicKey struct{ signingKey }

func (k *signingKey) ID() string                                  { return k.id }
func (k *signingKey) Key() any                                    { return k.key }
func (k *signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *publicKey) Key() any                                     { return &k.key.PublicKey }
func (k *publicKey) Algorithm() jose.SignatureAlgorithm           { return jose.RS256 }
func (k *publicKey) Use() string                                  { return "sig" }

const keyBits = 2048

// openKey reads a key, or makes one if there is no file. Its id is a hash of its public
// half, so that clients fetch the keys again when it changes.
func openKey(file string) (*signingKey, error) {
	read := func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, keyBits) }
	if file != "" {
		read = func() (*rsa.PrivateKey, error) { return readKey(file) }
	}
	key, err := read()
	if err != nil {
		return nil, err
	}
	return &signingKey{hashed(string(x509.MarshalPKCS1PublicKey(&key.PublicKey)))[:16], key}, nil
}

func readKey(file string) (*rsa.PrivateKey, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-key: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("-key: the file is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok || key.N.BitLen() < keyBits {
		return nil, fmt.Errorf("-key: an RSA key of %d bits or more in PKCS #8 is expected", keyBits)
	}
	return key, nil
}

// SigningKey implements op.Storage.
func (s *store) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

// KeySet implements op.Storage.
func (s *store) KeySet(context.Context) ([]op.Key, error) { return []op.Key{&publicKey{*s.key}}, nil }

// SignatureAlgorithms implements op.Storage.
func (s *store) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}
