package org.telltale.session

import org.telltale.R

/** Why watching ended, in the user's words: a string resource. */
val Failure.text: Int
    get() = when (this) {
        Failure.CONSENT -> R.string.failed_consent
        Failure.REVOKED -> R.string.failed_revoked
        Failure.TUNNEL -> R.string.failed_tunnel
        Failure.ENGINE -> R.string.failed_engine
        Failure.STORAGE -> R.string.failed_storage
    }
