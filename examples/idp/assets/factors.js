// What the page says of each type of factor, by Okta's name for it or by provider and
// name, and which view proves it. Of one that is owned the user has the codes. A type that
// is not here is one whose code comes by mail; claim is what somebody proves who has only
// said a name.

import { claimed, digits, listed } from './codes.js'

const mail = {
  view: 'code',
  form: digits,
  choose: (f) => ['Send a code to ', f.profile?.email || f.factorType],
  offer: 'a code that we send to the e-mail address of your account',
  enroll: 'Send a code to my address',
  heading: 'Confirm your address',
  missing: 'Enter the 6 digits of the code from the mail.',
}

const types = {
  sms: {
    view: 'code',
    form: digits,
    choose: (f) => ['Send a code to ', f.profile?.phoneNumber || 'my phone'],
    offer: 'a code that we send to your phone',
    enroll: 'Send a code to my phone',
    heading: 'Confirm your phone',
    missing: 'Enter the 6 digits of the code from the message.',
  },
  call: {
    view: 'code',
    form: digits,
    choose: (f) => ['Get a call to ', f.profile?.phoneNumber || 'my phone'],
    offer: 'a code that we tell you in a call to your phone',
    enroll: 'Call my phone',
    heading: 'Confirm your phone',
    missing: 'Enter the 6 digits of the code from the call.',
  },
  claim: {
    view: 'code',
    form: claimed,
    said: 'If there is such an account, a message is on its way.',
    missing: 'Enter the 8 digits of the code from the message.',
  },
  'token:software:totp': {
    view: 'code',
    form: digits,
    choose: () => ['Enter a code of ', 'my authenticator app'],
    offer: 'a code that an authenticator app shows',
    enroll: 'Set up an app',
    heading: 'Set up your app',
    lead: 'Enter the code that your authenticator app shows.',
    owned: true,
    start: 'Scan this with an authenticator app, and enter the code that it shows.',
    missing: 'Enter the 6 digits of the code that the app shows.',
  },
  'OKTA token:software:totp': {
    view: 'code',
    form: digits,
    choose: () => ['Enter a code of ', 'Okta Verify'],
    offer: 'a code that Okta Verify shows',
    enroll: 'Set up Okta Verify',
    heading: 'Set up Okta Verify',
    lead: 'Enter the code that Okta Verify shows.',
    owned: true,
    start: 'Scan this with Okta Verify, and enter the code that it shows.',
    missing: 'Enter the 6 digits of the code that the app shows.',
  },
  recovery_codes: {
    view: 'code',
    form: listed,
    choose: () => ['Enter one of ', 'my recovery codes'],
    offer: 'a list of recovery codes, for the day that you have nothing else',
    enroll: 'Show me the codes',
    heading: 'Keep your recovery codes',
    lead: 'Enter a code of your list that you have not used yet.',
    owned: true,
    start: 'Each of them signs you in once. Nobody can show them to you again: print them, or copy them to a safe place.',
    missing: 'Enter a code of the list: 16 letters and digits.',
  },
  webauthn: {
    view: 'key',
    choose: () => ['Use ', 'my security key or passkey'],
    offer: 'a security key or a passkey',
    enroll: 'Set up a key',
  },
  push: {
    view: 'phone',
    choose: () => ['Ask ', 'my phone'],
    offer: 'a phone that approves your sign-in',
    enroll: 'Pair a phone',
  },
  question: {
    view: 'question',
    choose: () => ['Answer ', 'my question'],
    offer: 'an answer to a question',
    enroll: 'Choose a question',
  },
}

export const kind = (factor) => types[`${factor?.provider} ${factor?.factorType}`] || types[factor?.factorType] || mail
