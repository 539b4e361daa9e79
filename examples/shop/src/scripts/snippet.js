/* The stub of the SDK, as in the documentation: it takes calls at once, and loads the SDK from the gateway. */
(function (name, source) {
  if (window[name]) return;
  var queue = [];
  var stub = (window[name] = { queue: queue, consent: {} });
  function add(target, path, method) {
    target[method] = function () {
      queue.push([path + method, [].slice.call(arguments), new Date()]);
      return '';
    };
  }
  'init track page screen identify group alias reset onDelivery'.split(' ').forEach(function (method) {
    add(stub, '', method);
  });
  add(stub.consent, 'consent.', 'grant');
  add(stub.consent, 'consent.', 'deny');
  var script = document.createElement('script');
  script.async = true;
  script.src = source;
  document.head.appendChild(script);
})('sluice', '/sluice.js');

// News for the panel of events, which may come later than the first of them.
window.shop.news = [];
window.shop.tell = function (news) {
  window.shop.news.push(news);
  dispatchEvent(new Event('sluice-news'));
};
// The gateway serves this shop, too, and says in settings.js which key it has.
window.sluice.init({
  host: location.origin,
  writeKey: window.shop.writeKey,
  consent: 'pending',
  capture: {
    pageViews: true,
    clicks: true,
    outboundLinks: true,
    downloads: true,
    forms: true,
    scroll: true,
    rageClicks: true,
    errors: true,
  },
  // For the panel of events: it sees each message before it is stored, and changes nothing.
  redact: function (message) {
    window.shop.tell({ message: message });
    return message;
  },
});
window.sluice.onDelivery(function (delivery) {
  window.shop.tell({ delivery: delivery });
});
