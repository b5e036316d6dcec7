import type { Dispatcher } from 'undici';

/**
 * A dispatcher that runs the check when a request is about to be written to its socket, after every wait for one.
 * What the check throws is what the request fails with, and nothing is sent.
 */
export const withLastCheck = (dispatcher: Dispatcher, check: () => void): Dispatcher =>
  dispatcher.compose((dispatch) => (options, handler) => dispatch(options, checking(handler, check)));

const checking = (handler: Dispatcher.DispatchHandler, check: () => void): Dispatcher.DispatchHandler => ({
  onRequestStart: (controller, context) => {
    check();
    handler.onRequestStart?.(controller, context);
  },
  onRequestUpgrade: (...all) => handler.onRequestUpgrade?.(...all),
  onResponseStart: (...all) => handler.onResponseStart?.(...all),
  onResponseData: (...all) => handler.onResponseData?.(...all),
  onResponseEnd: (...all) => handler.onResponseEnd?.(...all),
  onResponseError: (...all) => handler.onResponseError?.(...all),
});
