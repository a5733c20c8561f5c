// The browser's own dialog about a passkey: from the options of the server to the code
// that it judges.

const form = document.getElementById('passkey')
const problem = document.getElementById('problem')

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  problem.textContent = ''
  try {
    const options = JSON.parse(form.dataset.options)
    const said = form.dataset.make === 'yes'
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })
    form.elements.code.value = JSON.stringify(said)
    form.submit()
  } catch (error) {
    problem.textContent = error.name === 'NotAllowedError'
      ? 'No passkey has answered: it took too long, or it was canceled. Try again.'
      : 'This browser cannot use a passkey here. Cancel, or take another browser.'
  }
})
