# Interface strings in English, and for every language that has none of its own.

## Languages: each calls itself by its own name, the same in every file
language-name-kk = Қазақша
language-name-ru = Русский
language-name-en = English
language-short-kk = Қаз
language-short-ru = Рус
language-short-en = Eng
language-tag-kk = қаз
language-tag-ru = рус
language-tag-en = eng

## Masthead and navigation
skip-to-content = Skip to content
home = Home
languages = Languages
menu = Menu
search = Search
subscribe = Subscribe
text-size = Text size
text-smaller = Smaller text
text-larger = Larger text
sections = Sections
tags = Topics
feeds = Feeds
archive = Archive
today = Today
yesterday = Yesterday
breadcrumbs = You are here
pages = Pages
previous-page = Previous page
next-page = Next page
page-number = Page { $n }
page-of = Page { $n } of { $total }

## Front, section, tag, archive, search
latest-news = Latest news
other-news = Other news
other-stories = Read also
main-story = Top story
all-in-section = All stories in this section
all-news = All news
tag-title = Topic: { $tag }
no-stories = No stories yet.
no-stories-section = No stories in this section yet.
no-stories-tag = No stories on this topic yet.
no-stories-day = No stories were published on this day.
new-stories = { $n ->
    [one] { $n } new story
   *[other] { $n } new stories
}
search-button = Search
search-label = What are you looking for?
search-results = { $n ->
    [one] { $n } story found
   *[other] { $n } stories found
}
search-empty = Nothing found. Try another word.
search-examples = For example:
search-filters = Filters
search-section = Section
search-from = From
search-to = To
search-feed = This search as a feed
search-wider = Search without filters
search-too-long = The query is too long: use at most 8 words.

## Article
published = Published: { $date }
updated = Updated: { $date }
views = { $n ->
    [one] { $n } view
   *[other] { $n } views
}
correction = Correction
reference = For reference:
read-more = Read more
read-in-another-language = Read in another language
not-in-this-language = Not available in English yet.
read-in-kk = Read in Kazakh
read-in-ru = Read in Russian
read-in-en = Read in English
read-in = Read in { $language }
original-at = Original: { $site }
photo-credit = Photo: { $name }
listen = Listen
watch = Watch
attached-file = Attached file: { $name }
share = Share
copy-link = Copy link
copied = Copied
print = Print
previous-story = Previous story
next-story = Next story
withdrawn-title = Story withdrawn
withdrawn = This story was withdrawn by the newsroom.
withdrawn-reason = Reason: { $reason }
to-section = Go to section: { $section }

## Subscribe
subscribe-title = Subscribe by email
subscribe-to = Subscribe to “{ $newsletter }”
subscribe-pitch = The news in your language, in your inbox.
one-letter-a-day = One email a day. Delivery time: { $time }
leave-any-time = No news, no email. Leave with one tap.
email-address = Email address
email-example = aigerim@example.kz
address-wrong = That address looks wrong. Example: aigerim@example.kz
address-suggestion = Did you mean { $address }?
languages-in-order = Languages, in order of preference
languages-help = If a story is not available in the first language, we send it in the next.
first-language = First language
second-language = Second language
third-language = Third language
no-more-languages = No other language
languages-needed = Choose at least one language.
all-sections = All sections
sections-help = If you tick none, we send the news of all sections.
tags-help = If you tick topics, we send stories on these topics alone. If nothing is ticked, topics do not matter.
days-needed = Please tick at least one day.
cadence = How often
every-day = Every day
weekdays = Weekdays
once-a-week = Once a week
chosen-days = On chosen days
as-soon-as-published = As soon as published
day-of-week = Day of the week
weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
weekday-7 = Sunday
delivery-time = Delivery time
time-zone = Time zone
time-zone-help = We send at your local time.
hour-wrong = Write the time like 08:00
time-zone-wrong = There is no such time zone. Example: Asia/Almaty
choice-wrong = Choose from the list.
consent = I consent to the collection and processing of my personal data
consent-operator = Operator of personal data: { $operator }
consent-purpose = Data: your email address and your choices for this newsletter. Purpose: sending you its emails.
consent-term = Kept for: { $text }
consent-recipients = Handed to: { $text }
consent-transfer = Transfer to other countries: { $text }
consent-location = Stored in: { $text }
consent-withdraw = You can withdraw your consent at any time: every email has the link.
consent-needed = To subscribe we need your consent: please tick the box.
consent-changed = The terms have changed. Please read them and tick the box again.
back-to = Back to { $site }
form-has-errors = Please correct the marked fields.
more-choices = More settings

## After the form
check-your-inbox-title = Check your inbox
check-your-inbox = Check your inbox: we have sent a confirmation link.
look-in-spam = If it has not arrived, look in your spam folder.
open-mailbox = Open your mail: { $provider }

## Confirm
confirm-subject = Confirm your subscription: { $site }
confirm-title = Confirm your subscription
confirm-button = Confirm subscription
confirm-question = Confirm your subscription to “{ $newsletter }”?
confirm-lead = This address was entered to subscribe to “{ $newsletter }”. Press the button to confirm.
confirm-link = If the button does not open, use this link:
confirm-lead-text = This address was entered to subscribe to “{ $newsletter }”. To confirm, open this link:
confirm-valid = { $n ->
    [one] The link is valid for { $n } day.
   *[other] The link is valid for { $n } days.
}
confirm-ignore = If you did not ask for this, do nothing: without confirmation we send no mail.
confirmed-title = Subscription confirmed
confirmed = Subscription confirmed. First email: { $date }, { $time }
confirmed-soon = Subscription confirmed. The first email comes as soon as there is a new story.
latest-issue = Read the latest issue
next-issue = Next issue: { $date }, { $time }
next-soon = The next email will come as soon as there is a new story.
already-confirmed-title = Subscription already confirmed
already-confirmed = Your subscription is already confirmed. There is nothing more to do.
already-subject = You are already subscribed: { $site }
already-lead = This address is already subscribed to “{ $newsletter }”. There is nothing to do.
already-button = Subscription settings
already-ignore = If you did not try to subscribe again, do nothing: nothing has changed.
welcome-subject = You are subscribed: { $site }
welcome-lead = Your subscription to “{ $newsletter }” is confirmed.
welcome-next = First email: { $date }, { $time }
welcome-soon = The first email will come as soon as there is a new story.
change-subject = Change of address: { $site }
change-from-lead = Another address was entered for your subscription to “{ $newsletter }”. If this was you, please confirm the change.
change-from-button = Confirm change of address
change-from-ignore = If this was not you, do nothing: emails will keep coming here.
change-to-lead = This address was entered as the new one for a subscription to “{ $newsletter }”. Press the button to receive the emails here.
change-to-button = Receive emails at this address
change-to-ignore = If you did not ask for this, do nothing: without confirmation we send no mail.
goodbye-subject = You are unsubscribed: { $site }
goodbye-lead = You have unsubscribed from “{ $newsletter }”. No more emails will come.
goodbye-ignore = If this was you, there is nothing to do. You can take it back with this link within a day.
link-subject = Your data: { $site }
link-lead = With this link you can see, download or delete the data of your subscription to “{ $newsletter }”.
link-button = Open my data
link-ignore = If you did not ask for this, do nothing.
test-subject = [Test] { $subject }
test-lead = This is a test mail. If you can read it, mail finds its way to this address.
test-button = Open the site
test-ignore = You need not answer: nothing has changed, and nobody else has received this mail.

## Links that have aged
link-expired-title = This link has expired
link-expired = This link has expired.
send-new-link = Send a new link
new-link-sent = We have sent a new link. Check your inbox.
link-unknown-title = This link is not valid
link-unknown = This link is not valid. Check that you copied all of it from the email.

## Unsubscribe
unsubscribe = Unsubscribe
unsubscribe-title = Unsubscribe
unsubscribe-question = Stop sending emails to { $address }?
unsubscribe-newsletter = Newsletter: “{ $newsletter }”
unsubscribe-keep = Keep my subscription
unsubscribed-title = You are unsubscribed
unsubscribed = You are unsubscribed. No more emails will come.
already-unsubscribed = You have already unsubscribed. No emails will come.
subscribe-again = Subscribe again
resubscribed-title = Your subscription is back
resubscribed = Your subscription is back. Next email: { $date }, { $time }
resubscribed-soon = Your subscription is back.
forwarded = Was this forwarded to you? Subscribe yourself.

## Settings of a subscription
settings = Subscription settings
settings-for = Address: { $address }
save = Save
saved = Saved
saved-next = Saved. Next email: { $date }, { $time }
pause = Pause
resume-from = Resume from
paused-until = Emails are paused. They resume on { $date }
resume-now = Resume emails
date-wrong = Choose a day after today.
text-only = Text only, no photos
change-title = Change of address
new-address = New address
change-button = Change address
change-both = Emails will go to the new address once the change is confirmed from both mailboxes.
change-sent = We have sent an email to both addresses. Please confirm the change in each of them.
change-old = Old address: { $address }
change-new = New address: { $address }
change-waits = Thank you. The change still has to be confirmed from the other mailbox.
change-done-title = Address changed
change-done = Emails now go to the new address. Old links to the settings no longer work; old links to unsubscribe always will.
change-again = To change the address, please enter it again in the subscription settings.
address-same = Emails go to that address already.
my-data-help = What we keep about you and what you agreed to. You can download or delete your data.
my-data-button = Send me a link to my data
my-data-sent = We have sent a link to your data. It is valid for one day.
download-help = A JSON file: subscription, consents and the emails sent.
agreements = What you agreed to
agreed-asked = Request
agreed-confirmed = Subscription confirmed
agreed-added = Subscription entered by the newsroom
agreed-changed = Settings changed
agreed-left = Unsubscribed
agreed-returned = Subscription restored
agreed-erased = Data deleted
delete-help = Your subscription will end; your address and everything we keep about you will be deleted for good.
deleted-title = Data deleted
my-data = My data
download-my-data = Download my data
delete-my-data = Delete my data
delete-question = Your subscription will end and your address will be deleted. Continue?
deleted = Your data have been deleted. No more emails will come.
privacy-policy = Privacy policy

## Mail
view-in-browser = View in browser
subject-with-more = { $n ->
    [one] { $title } and { $n } more story
   *[other] { $title } and { $n } more stories
}
briefly = In brief
more-on-site = { $n ->
    [one] { $n } more story on the site
   *[other] { $n } more stories on the site
}
why-you-receive = You receive this email because you subscribed to “{ $newsletter }”.
forwarded-short = Was this forwarded to you?
no-tracking = We do not track opens.
issue-of = Issue of “{ $newsletter }”
issue-ends-here = That is all in this issue.

## Feeds page
feeds-lead = Follow the news in a feed reader: copy an address and add it to your reader.
feeds-all = All news
feeds-all-languages = In all languages
feeds-of-language = By language
feeds-of-section = By section
feeds-of-tag = By topic
copy-address = Copy address
feeds-opml = List of all feeds (OPML)
feed-latest = Latest: { $title }
feed-format = Format: { $format }
builder-title = Build your own feed
builder-help = Tick languages, sections and topics to get one address. Tick nothing, and the feed has all news.
builder-button = Get the address
feed-preview = Latest in this feed
feed-empty = This feed has no stories yet.
feed-about = About this feed
feed-site = Page on the site
feed-by-mail = Get it by email

## Errors
error = Error
page-not-found = Page not found
page-not-found-help = The link may be old or mistyped.
something-broke-title = Something broke on our side
something-broke = Something broke on our side. Try again later.
under-repair-title = We are being repaired
under-repair = We are being repaired and will be back soon.
too-many-title = Too many requests
too-many-requests = { $n ->
    [one] Too many requests. Try again in { $n } minute.
   *[other] Too many requests. Try again in { $n } minutes.
}
foreign-form = This form came from a site we do not know and was not accepted. Open our own page to subscribe.
form-incomplete = The form did not arrive complete. Please send it again.
subscriptions-closed = Subscriptions are closed for now.
back-home = To the front page

## Footer
imprint = About the newsroom
contacts = Contacts
owner = Owner: { $name }
editor-in-chief = Editor-in-chief: { $name }
registration = Registration certificate: { $number }
operator-bin = BIN: { $bin }
operator-email = Email: { $email }
operator-phone = Phone: { $phone }
inbox = Inbox
powered-by = Powered by Jarshy
