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
})('sluice', 'https://events.example.com/sluice.js');
