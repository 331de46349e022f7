// Without this the page works and is reloaded; with it the phones fill while one watches.
(() => {
  const look = document.body.dataset.look;
  const part = document.body.dataset.part;
  const set = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };
  const line = (mail, dated) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `/inbox/mail/${mail.id}?${look}`;
    const subject = document.createElement("span");
    subject.lang = mail.language;
    subject.textContent = mail.subject;
    const small = document.createElement("small");
    small.textContent = `${mail.recipient} · ${dated ? `${mail.date}, ` : ""}${mail.time}`;
    link.append(subject, " ", small);
    item.append(link);
    return item;
  };
  const fill = (list, mails, dated) => {
    const key = mails.map((mail) => mail.id).join();
    if (list && list.dataset.key !== key) {
      list.dataset.key = key;
      list.replaceChildren(...mails.map((mail) => line(mail, dated)));
    }
  };
  const show = (phone) => {
    const place = document.querySelector(`[data-zone="${phone.zone}"]`);
    if (!place) return;
    set(place.querySelector(".arrived"), phone.count);
    set(place.querySelector(".local"), phone.clock);
    set(place.querySelector(".until"), phone.wait || "Nothing new for this person today");
    fill(place.querySelector(".newest"), phone.newest, false);
    if (phone.mail && String(phone.mail) !== place.dataset.mail) {
      place.dataset.mail = phone.mail;
      const frame = document.createElement("iframe");
      frame.setAttribute("sandbox", "allow-same-origin allow-popups allow-popups-to-escape-sandbox");
      frame.title = phone.subject;
      frame.src = `/inbox/mail/${phone.mail}/${part}?${look}`;
      place.querySelector(".screen").replaceChildren(frame);
    }
  };
  const tick = async () => {
    try {
      const answer = await fetch("/inbox/state", { cache: "no-store" });
      if (answer.ok) {
        const state = await answer.json();
        set(document.getElementById("clock"), state.clock);
        set(document.getElementById("arrived"), state.arrived);
        state.phones.forEach(show);
        fill(document.getElementById("others"), state.others, true);
        const none = document.querySelector(".typed .none");
        if (none) none.hidden = state.others.length > 0;
      }
    } catch {
      set(document.getElementById("clock"), "The demo has stopped.");
    }
    setTimeout(tick, document.hidden ? 5000 : 1000);
  };
  tick();
})();
