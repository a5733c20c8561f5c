// Another process, which knows the state token and nothing else: it looks,
// resumes and finishes. Tokens come by the environment, never in an argument.

import { OktaAuth } from '@okta/okta-auth-js/authn'

const client = new OktaAuth({ issuer: `${process.argv[2]}/oauth2/default` })
const stateToken = process.env.STATE_TOKEN
console.log((await client.tx.introspect({ stateToken })).status)
let tx = await client.tx.resume({ stateToken })
console.log(tx.status)
tx = await tx[tx.status === 'MFA_CHALLENGE' ? 'verify' : 'activate']({ passCode: process.env.PASS_CODE })
console.log(tx.status)
