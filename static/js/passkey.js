// What follows when django-otp-webauthn's own script has done a ceremony.

// A new passkey gets the name that was typed, by an ordinary form.
document.addEventListener("otp_webauthn.register_complete", (event) => {
  const form = document.getElementById("passkey-form");
  form.elements.passkey.value = event.detail.id;
  form.requestSubmit();
});

// "Is it you?" is answered: the page that asked goes on.
document.addEventListener("otp_webauthn.verification_complete", (event) => {
  event.target.closest("form[data-passkey-proof]")?.requestSubmit();
});

// Without a name the passkey could not be told from the next one.
document.addEventListener(
  "click",
  (event) => {
    if (event.target.id === "passkey-register-button" && !document.getElementById("passkey-form").reportValidity()) {
      event.stopImmediatePropagation();
    }
  },
  { capture: true },
);
