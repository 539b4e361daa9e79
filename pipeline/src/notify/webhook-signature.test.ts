import { describe, expect, it } from 'vitest';
import { webhookHeaders } from './webhook-signature.js';

describe('the signature of a webhook', () => {
  it('is the one of the example of the Standard Webhooks specification', () => {
    expect(
      webhookHeaders({
        id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        timestampSeconds: 1_614_265_330,
        body: '{"test": 2432232314}',
        secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      }),
    ).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is left out without a secret', () => {
    expect(webhookHeaders({ id: 'a', timestampSeconds: 1, body: '', secret: undefined })).toEqual({
      'webhook-id': 'a',
      'webhook-timestamp': '1',
    });
  });
});
