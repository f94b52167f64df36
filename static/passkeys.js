// Passkeys in the browser: one form, one challenge, one answer. The words stand in the page; `csrf` in app.js.
const words = document.querySelector('[data-words]')?.dataset ?? {};

const post = async (url, fields) => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'X-CSRFToken': csrf },
    body: typeof fields === 'string' ? fields : new URLSearchParams(fields),
  });
  return { ok: answer.ok, ...(await answer.json()) };
};

// Browsers before the JSON helpers: the same two conversions, by hand.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

const options = (json) => {
  const ids = (list) => list?.map((one) => ({ ...one, id: bytes(one.id) }));
  return {
    ...json,
    challenge: bytes(json.challenge),
    ...(json.user && { user: { ...json.user, id: bytes(json.user.id) } }),
    ...(json.excludeCredentials && { excludeCredentials: ids(json.excludeCredentials) }),
    ...(json.allowCredentials && { allowCredentials: ids(json.allowCredentials) }),
  };
};

const answerOf = (credential) => {
  if (credential.toJSON) return JSON.stringify(credential.toJSON());
  const response = { transports: credential.response.getTransports?.() };
  for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, clientExtensionResults: {}, response });
};

const ask = async (challenge) =>
  answerOf(
    challenge.user
      ? await navigator.credentials.create({ publicKey: options(challenge) })
      : await navigator.credentials.get({ publicKey: options(challenge) }),
  );

const fieldsOf = (form) => Object.fromEntries(new FormData(form));

const complain = (form, sentence) => {
  const place = form.querySelector('[data-problem]');
  place.textContent = sentence;
  place.hidden = false;
};

const firstError = (errors) => Object.values(errors ?? {})[0]?.[0];

async function submit(form) {
  const { passkey, about, challenge: url, finish } = form.dataset;
  const proof = finish === undefined; // a form of its own that only wants a fresh confirmation
  const wanted = proof ? { purpose: passkey, about } : fieldsOf(form);
  const challenge = await post(url, wanted);
  if (!challenge.ok) return complain(form, challenge.problem ?? firstError(challenge.errors) ?? words.cancelled);
  const answer = await ask(challenge);
  if (proof) {
    form.elements.proof.value = answer;
    return form.submit();
  }
  const result = await post(finish, passkey === 'sign-in' ? answer : { ...fieldsOf(form), answer });
  if (!result.ok) {
    if (result.code === 'passkey-unknown') {
      PublicKeyCredential.signalUnknownCredential?.({ rpId: location.hostname, credentialId: JSON.parse(answer).id });
    }
    return complain(form, result.problem ?? firstError(result.errors));
  }
  location.assign(result.next);
}

for (const form of document.querySelectorAll('form[data-passkey]')) {
  if (!window.PublicKeyCredential) {
    for (const note of document.querySelectorAll('[data-no-passkeys]')) note.hidden = false;
    continue;
  }
  form.querySelector('button').hidden = false;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit(form).catch((error) => complain(form, error instanceof TypeError ? words.offline : words.cancelled));
  });
}
