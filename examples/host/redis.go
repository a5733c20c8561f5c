package host

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/authnfsm/authn/redisstore"
)

// openRedis also takes a server that may forget, with a warning: it is a demo.
func openRedis(ctx context.Context, name string) (*Storage, error) {
	o, err := redis.ParseURL(name)
	if err != nil {
		return nil, errors.New("the address cannot be parsed: want redis://USER:PASSWORD@HOST:PORT/NUMBER") // the cause may quote its password
	}
	o.MaxRetries = -1 // a save must not be sent twice
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	c := redis.NewClient(o)
	st, err := redisstore.New(ctx, c, redisstore.Config{AllowVolatile: true})
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Storage{Store: st, Close: c.Close, Redis: c}, nil
}
