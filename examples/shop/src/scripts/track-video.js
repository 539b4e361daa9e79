import { track } from './analytics.js';

const QUARTERS = [0.25, 0.5, 0.75];

/**
 * Sends a `Video` event for each play, pause, resume and seek, once for each quarter that is reached, and at the end.
 * @param {HTMLVideoElement} video
 * @param {{ videoId: string, title: string }} facts
 */
export function trackVideo(video, facts) {
  let started = false;
  let ended = false;
  let quartersTold = 0;

  const tell = (action) => {
    track('Video', {
      ...facts,
      action,
      positionSeconds: Math.round(video.currentTime * 10) / 10,
      // Unknown until the browser has read the head of the file.
      ...(Number.isFinite(video.duration) && { durationSeconds: Math.round(video.duration * 10) / 10 }),
    });
  };
  video.addEventListener('play', () => {
    tell(started && !ended ? 'resume' : 'play');
    if (ended) quartersTold = 0;
    started = true;
    ended = false;
  });
  video.addEventListener('pause', () => {
    // The end pauses, too, and says so by itself.
    if (!video.ended) tell('pause');
  });
  video.addEventListener('seeked', () => {
    if (started && !video.ended) tell('seek');
  });
  video.addEventListener('timeupdate', () => {
    const reached = QUARTERS.filter((quarter) => video.currentTime >= quarter * video.duration).length;
    if (reached > quartersTold && !video.ended) {
      quartersTold = reached;
      tell('progress');
    }
  });
  video.addEventListener('ended', () => {
    ended = true;
    tell('complete');
  });
}
